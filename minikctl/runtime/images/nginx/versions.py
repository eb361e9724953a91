"""Which versions of nginx there are: the last patch of each minor version. Imported by the server too."""

LAST_PATCH = {
    7: 12, 8: 1, 9: 15, 10: 3, 11: 13, 12: 2, 13: 12, 14: 2, 15: 12, 16: 1, 17: 10, 18: 0, 19: 10, 20: 2, 21: 6, 22: 1,
    23: 4, 24: 0, 25: 5, 26: 3, 27: 5, 28: 3, 29: 8, 30: 4, 31: 3,
}  # fmt: skip
MAINLINE, STABLE = 31, 30


def version(tag: str) -> str:
    """The version behind a tag: `1.25-alpine` → `1.25.5`, `latest` → the newest."""
    number = tag.split("-", 1)[0].split(".")
    if number[0] != "1" or len(number) == 1:
        minor = STABLE if tag.startswith("stable") else MAINLINE
        return f"1.{minor}.{LAST_PATCH[minor]}"
    if len(number) == 2:
        return f"1.{number[1]}.{LAST_PATCH[int(number[1])]}"
    return ".".join(number)
