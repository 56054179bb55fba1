"""Whether what arrives, and what the model says of it, is still what it was: figures of a day against four weeks.

In: screenings, their photos, labels. Out: figures with what chance may do, alerts on the metrics, as webhooks once a
day, and on the engineers' page. Nothing is changed by an alert; a person looks.
"""
