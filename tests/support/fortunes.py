"""A poem in the format of the fortune database."""


def fortune(couplets, title="靜夜思"):
    body = "".join(f"{couplet}\n" for couplet in couplets)
    return f"\x1b[32m《{title}》\x1b[m\n\x1b[33m作者：李白\x1b[m\n{body}"
