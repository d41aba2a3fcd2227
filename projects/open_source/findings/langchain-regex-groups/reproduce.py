"""A separator with a group of its own makes the splitter repeat text and glue it to the wrong chunk."""

from langchain_text_splitters import CharacterTextSplitter

text = "a,b;c"
splitter = CharacterTextSplitter(
    separator=r"(,|;)", is_separator_regex=True, keep_separator=True, chunk_size=2, chunk_overlap=0
)
chunks = splitter.split_text(text)
print("expected: ['a', ',b', ';c']")
print(f"observed: {chunks}")
if "".join(chunks) != text:
    raise SystemExit(3)
