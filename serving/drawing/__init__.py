"""Evidence as pictures: the photo with its heat map and what is said of it, in either language, on any machine's fonts.

In: a stored detection, and what became of its report. Out: a JPEG below a platform's limit; lines that fit. Pure: no
database, no request.
"""
