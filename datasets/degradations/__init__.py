"""What happens to every photo, real or edited, before anybody sees it: processing, overlays, screenshots, chains.

In: a picture, and a random generator or a stored chain. Out: the picture as a chat, a shop or a phone delivers it, with
the steps that led there. Nothing here knows whether a picture is real.
"""
