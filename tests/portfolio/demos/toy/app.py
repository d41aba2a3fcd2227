"""Stands where a Gradio app would: the tests never start it."""
