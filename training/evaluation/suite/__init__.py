"""`refundlens evaluate --suite`: a benchmark that cannot flatter.

In: a detector, a dataset's test split and, where given, folders of real damage, real edits and catalogue photos. Every
master of both classes is sent through the same fixed chains, judged as bytes in, verdict out, and cut into slices;
controls, real sets, open peers and the targets stand beside them. Out: report.json, report.md, slices.csv and plots.

    store -> reading -> sweep -> (checks, flips, regions, harmless, real, peers) -> targets -> report
"""
