"""Distinguished names in the string form of RFC 2253, exactly as Hono writes and compares them.

The rules kept here: nine attribute types have keywords, every other is a dotted OID with the hexadecimal DER of its
value, *with the ASN.1 tag it has in the certificate*; types are upper-cased, values are untouched. The most specific
RDN comes first. `cryptography` prints other types as text, so names are read from their DER here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from onboarding_api.domain.errors import NameRefusedError
from onboarding_api.domain.management.der import OBJECT_IDENTIFIER, SEQUENCE, Value, decode, encode

_KEYWORDS = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}
_EMAIL, _DC = "1.2.840.113549.1.9.1", "0.9.2342.19200300.100.1.25"
_READ_ALSO = {
    "S": "2.5.4.8",
    "T": "2.5.4.12",
    "IP": "1.3.6.1.4.1.42.2.11.2.1",
    "DNQ": "2.5.4.46",
    "DNQUALIFIER": "2.5.4.46",
    "SURNAME": "2.5.4.4",
    "GIVENNAME": "2.5.4.42",
    "INITIALS": "2.5.4.43",
    "GENERATION": "2.5.4.44",
    "SERIALNUMBER": "2.5.4.5",
    "EMAIL": _EMAIL,
    "EMAILADDRESS": _EMAIL,
}
_OIDS = {keyword: oid for oid, keyword in _KEYWORDS.items()} | _READ_ALSO
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,./:=?-]*")
_UTF8, _PRINTABLE_TAG, _IA5 = 0x0C, 0x13, 0x16
_TEXTS = (_UTF8, _PRINTABLE_TAG, 0x14, _IA5, 0x1B, 0x1E)
"""What Java takes for text, whose octets it reads as UTF-8: T61String, GeneralString and BMPString besides."""
_SPECIAL = ',=+<>#;"\\'
_UNESCAPED_NEVER = '<>"'
_BLANKS, _EDGES = " \n", " \r"
"""What is trimmed when a name is read, and what is escaped at the edges when one is written."""
_ESCAPED = ',=\n+<>#;\\"'
"""What a backslash may stand before; outside quotation marks a blank besides."""
_OCTET = re.compile(r"\\[0-9A-Fa-f]{2}")
_CLOSED = re.compile(r'"((?:[^"\\]|\\.)*)"[ \n]*', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One type and value, the value with its ASN.1 tag."""

    oid: str
    tag: int
    octets: bytes

    @property
    def text(self) -> str | None:
        """The value as Java reads it, if it is a text."""
        try:
            return self.octets.decode() if self.tag in _TEXTS else None
        except UnicodeDecodeError:
            return None

    def reads_as(self, other: "Attribute") -> bool:
        """Tell whether both say the same, though as a text they may be of different kinds."""
        if self.oid != other.oid:
            return False
        return self.text == other.text if self.text is not None else self == other

    def __str__(self) -> str:
        keyword, text = _KEYWORDS.get(self.oid), self.text
        if keyword is None or text is None:
            return f"{keyword or self.oid}=#{encode(self.tag, self.octets).hex()}"
        return f"{keyword}={_escape(text)}"


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """A name; the most specific RDN first."""

    rdns: tuple[tuple[Attribute, ...], ...]

    def __str__(self) -> str:
        return ",".join("+".join(str(attribute) for attribute in rdn) for rdn in self.rdns)

    def reads_as(self, other: "DistinguishedName") -> bool:
        """Tell whether both say the same, but for the tags that a text does not tell."""
        return [len(rdn) for rdn in self.rdns] == [len(rdn) for rdn in other.rdns] and all(
            mine.reads_as(theirs)
            for rdn, others in zip(self.rdns, other.rdns, strict=True)
            for mine, theirs in zip(rdn, others, strict=True)
        )

    def find(self, keyword: str) -> str | None:
        """Return the least specific value of this type; of an RDN with several values only the first one is seen."""
        oid = _OIDS[keyword]
        return next((rdn[0].text for rdn in reversed(self.rdns) if rdn[0].oid == oid), None)


def parse_name(text: str) -> DistinguishedName:
    """Read a name as people write it (RFC 2253 and what Java reads besides), or refuse it."""
    rdns = tuple(tuple(_parse_attribute(attribute) for attribute in _split(rdn, "+")) for rdn in _split(text, ",;"))
    return DistinguishedName(rdns)


def normal_name(text: str) -> str:
    """Return the RFC 2253 form of a name."""
    return str(parse_name(text))


def read_name(der: bytes) -> DistinguishedName:
    """Read a DER Name (RFC 5280 section 4.1.2.4)."""
    try:
        (sequence,) = decode(der)
        if sequence.tag != SEQUENCE:
            raise NameRefusedError("not a DER name")
        rdns = [
            tuple(_read_attribute(each.content) for each in decode(rdn.content)) for rdn in decode(sequence.content)
        ]
    except (ValueError, IndexError) as error:
        raise NameRefusedError("not a DER name") from error
    return DistinguishedName(tuple(reversed(rdns)))


def _read_attribute(octets: bytes) -> Attribute:
    oid, value = decode(octets)
    if oid.tag != OBJECT_IDENTIFIER:
        raise NameRefusedError("not a DER name")
    return _attribute(_read_oid(oid.content), value)


def _attribute(oid: str, value: Value) -> Attribute:
    """Return an attribute, but none whose form would stand for others, too: Java writes what is not UTF-8 as U+FFFD."""
    attribute = Attribute(oid, value.tag, value.content)
    if oid in _KEYWORDS and value.tag in _TEXTS and attribute.text is None:
        raise NameRefusedError(
            f"not a distinguished name that Hono can write: the octets of {_KEYWORDS[oid]} are not UTF-8"
        )
    return attribute


def _read_oid(octets: bytes) -> str:
    arcs, arc = [], 0
    for octet in octets:
        arc = arc << 7 | octet & 0x7F
        if octet < 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(each) for each in (first, arcs[0] - 40 * first, *arcs[1:]))


def _split(text: str, separators: str) -> Iterator[str]:
    """Cut at separators that are neither quoted nor escaped."""
    start, quoted, escaped = 0, False, False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character in separators and not quoted:
            yield text[start:position]
            start = position + 1
    if quoted or escaped:
        raise NameRefusedError("not a distinguished name: a quotation mark or escape is not closed")
    yield text[start:]


def _parse_attribute(text: str) -> Attribute:
    written, equals, value = text.partition("=")
    keyword = written.strip(_BLANKS).upper()
    oid = _OIDS.get(keyword) or keyword.removeprefix("OID.")
    if not equals or not _OID.fullmatch(oid):
        raise NameRefusedError(f"not a distinguished name: {text.strip() or 'nothing'} is no attribute")
    if value.strip(_BLANKS).startswith("#"):
        return _parse_hexadecimal(oid, value.strip(_BLANKS)[1:])
    escaped, allowed = _strip(value)
    plain = _resolve(escaped, allowed)
    if oid in (_EMAIL, _DC) and plain and plain.isascii():
        return Attribute(oid, _IA5, plain.encode())
    printable = _PRINTABLE.fullmatch(plain) and not _OCTET.search(escaped)
    return Attribute(oid, _PRINTABLE_TAG if printable else _UTF8, plain.encode())


def _parse_hexadecimal(oid: str, digits: str) -> Attribute:
    try:
        (value,) = decode(bytes.fromhex(digits))
    except (ValueError, IndexError) as error:
        raise NameRefusedError("not a distinguished name: # is not followed by a DER value") from error
    return _attribute(oid, value)


def _strip(written: str) -> tuple[str, str]:
    """Return the value without outer blanks and quotation marks, and which characters may be escaped in it."""
    value = written.lstrip(_BLANKS)
    if value.startswith('"'):
        closed = _CLOSED.fullmatch(value)
        if not closed:
            raise NameRefusedError("not a distinguished name: text follows a closing quotation mark")
        return closed.group(1).strip(), _ESCAPED
    bare = value.rstrip(_BLANKS)
    if re.search(r"(?<!\\)(\\\\)*\\$", bare):
        bare += " "  # the last blank was escaped
    if any(character in _UNESCAPED_NEVER for character in re.sub(r"\\.", "", bare)):
        raise NameRefusedError('not a distinguished name: one of < > " is not escaped')
    return bare, _ESCAPED + " "


def _resolve(escaped: str, allowed: str) -> str:
    octets, position = b"", 0
    while position < len(escaped):
        character = escaped[position]
        if _OCTET.match(escaped, position):
            octets += bytes.fromhex(escaped[position + 1 : position + 3])
            position += 3
            continue
        if character == "\\":
            position += 1
            character = escaped[position]
            if character not in allowed:
                raise NameRefusedError(f"not a distinguished name: \\ stands before {character}, which needs none")
        octets += character.encode()
        position += 1
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise NameRefusedError("not a distinguished name: escaped octets are not UTF-8") from error


def _escape(text: str) -> str:
    lead, trail = len(text) - len(text.lstrip(_EDGES)), len(text.rstrip(_EDGES))
    return "".join(
        f"\\{c}" if c in _SPECIAL or (c in _EDGES and not lead <= i < trail) else c for i, c in enumerate(text)
    ).replace("\0", "\\00")
