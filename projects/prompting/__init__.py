"""Prompt engineering measured: one chat interface, cached replies, capped cost, the same code for 135 M and GPT-4."""
