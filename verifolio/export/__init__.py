"""A post for other places: LinkedIn, Zhihu, WeChat, dev.to, any Markdown."""
