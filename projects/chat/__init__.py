"""The one chat interface: OpenAI-compatible HTTP, to any server by key and address or to llama.cpp in this process."""
