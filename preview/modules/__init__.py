"""The part of AUTOMATIC1111's `modules` package that an img2img extension touches, under the same names.

What is not here is missing on purpose: asking for it raises an AttributeError or ImportError instead of returning a
made-up default.
"""
