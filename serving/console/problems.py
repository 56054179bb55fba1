"""Problems told as pages: whoever looks at a page is told in words, in their language, with a way back.

In: a router of the console made with `route_class=PageRoute`. Out: what its handlers raise as `Problem`, as HTML of the
problem's own status. Words by code are in `console.problems.{language}.toml`; a code without any is told in English.
"""
