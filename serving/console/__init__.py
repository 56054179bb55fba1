"""The console: pages for merchants, adjudicators and engineers, rendered here, whole without JavaScript.

In: a request with the console's cookie. Out: HTML in the visitor's language; what a form does goes through the very
services that the API uses. `frame` knows who visits and draws what every page shares; one module a page.
"""
