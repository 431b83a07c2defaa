"""Distinguished names as Java's `X500Principal.getName(RFC2253)` writes them; checked against a JDK."""

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from onboarding_api.domain.errors import DocumentRefusedError, NameRefusedError
from onboarding_api.domain.management.der import encode
from onboarding_api.domain.management.names import normal_name, parse_name, read_name
from onboarding_api.domain.management.templates import apply_template, require_template

HONOS = [
    ("CN=ca, OU=Hono, O=Eclipse", "CN=ca,OU=Hono,O=Eclipse"),
    ("cn=Foo,ou=Bar", "CN=Foo,OU=Bar"),
    ('CN="a, b",O=c', r"CN=a\, b,O=c"),
    ("CN=  spaced  name ,O=q", "CN=spaced  name,O=q"),
    (
        "emailAddress=foo@bar.com, CN=foo, O=bar",
        "1.2.840.113549.1.9.1=#160b666f6f406261722e636f6d,CN=foo,O=bar",
    ),
    ("SERIALNUMBER=123,CN=x", "2.5.4.5=#1303313233,CN=x"),
    ("2.5.4.5=77,CN=x", "2.5.4.5=#13023737,CN=x"),
    ("T=boss,CN=x", "2.5.4.12=#1304626f7373,CN=x"),
    ("GIVENNAME=g,SURNAME=s,CN=x", "2.5.4.42=#130167,2.5.4.4=#130173,CN=x"),
    ("DNQ=7,CN=x", "2.5.4.46=#130137,CN=x"),
    ("CN=x, ST=Bayern, L=M, C=DE, STREET=s, DC=d, UID=u", "CN=x,ST=Bayern,L=M,C=DE,STREET=s,DC=d,UID=u"),
    ("CN=Müller,O=ACME", "CN=Müller,O=ACME"),
    ("CN=a+OU=b,O=c", "CN=a+OU=b,O=c"),
]
JAVAS = [
    ("CN=foo=bar,O=x", r"CN=foo\=bar,O=x"),
    ("CN=hash#tag", r"CN=hash\#tag"),
    (r"CN=a\<b", r"CN=a\<b"),
    ("CN=", "CN="),
    ('CN=" lead",O=q', "CN=lead,O=q"),
    ("CN=#0c0161", "CN=a"),
    ("O=a;CN=b", "O=a,CN=b"),
    (r"CN=a\2Cb", r"CN=a\,b"),
    ("OID.2.5.4.3=x", "CN=x"),
    (r"CN=\C3\BC", "CN=ü"),
    ("S=Bayern", "ST=Bayern"),
    (r'CN=a\+b+OU=" "', r"CN=a\+b+OU="),
    ("CN=x\\ ", "CN=x\\ "),
    ("CN = b , O = c", "CN=b,O=c"),
    ("CN=\n a", "CN=a"),
    (r"T=\2C", "2.5.4.12=#0c012c"),
    (r"T=a\,b", "2.5.4.12=#1303612c62"),
    ("emailAddress=", "1.2.840.113549.1.9.1=#1300"),
    ('CN="a\\"b" ', r"CN=a\"b"),
    (r"CN=\00a", r"CN=\00a"),
    ("CN=#1e0400610062", r"CN=\00a\00b"),
    ("CN=#1c0400000061", "CN=#1c0400000061"),
]


@pytest.mark.parametrize(("written", "normal"), HONOS + JAVAS)
def test_a_name_has_one_normal_form(written: str, normal: str) -> None:
    assert normal_name(written) == normal
    assert normal_name(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "not-a-dn",
        "CN=hash#tag,O=#q",
        "",
        "CN=a<b",
        'CN=a"b',
        "CN=x,",
        "foo=bar",
        'CN="a',
        "CN=a\\",
        r"CN=\FF",
        "=x",
        'CN="x"a"x"',
        'CN="a" b',
        r"CN=a\@b",
        r"CN=\xyz",
        r'CN="a\ b"',
        "CN=#144dfc6c6c6572",
        "CN=#1404fc6c6c65",
        "CN=#0c80",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(NameRefusedError):
        parse_name(text)


def test_values_keep_the_tag_that_they_have_in_the_certificate() -> None:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ACME"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, "123", _ASN1Type.UTF8String),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@b.c"),
            x509.NameAttribute(NameOID.COMMON_NAME, "x, y"),
        ]
    )
    read = str(read_name(name.public_bytes()))
    assert read == r"CN=x\, y,1.2.840.113549.1.9.1=#160561" + "40622e63" + ",2.5.4.5=#0c03313233,O=ACME"


JAVAS_TAGS = [
    (0x0C, b"abc", "CN=abc"),
    (0x13, b"abc", "CN=abc"),
    (0x14, b"abc", "CN=abc"),
    (0x16, b"abc", "CN=abc"),
    (0x1B, b"abc", "CN=abc"),
    (0x1E, b"\0a\0b", r"CN=\00a\00b"),
    (0x1C, b"\0\0\0a", "CN=#1c0400000061"),
    (0x1A, b"abc", "CN=#1a03616263"),
    (0x12, b"1", "CN=#120131"),
    (0x02, b"\5", "CN=#020105"),
    (0x04, b"\0\xff", "CN=#040200ff"),
    (0x30, b"\x0c\x01a", "CN=#30030c0161"),
    (0x0C, b"  a b ", r"CN=\ \ a b\ "),
    (0x0C, b"\ra\n", "CN=\\\ra\n"),
    (0x0C, b"a\0b", r"CN=a\00b"),
    (0x0C, b"", "CN="),
    (0x0C, "\U0001f600".encode(), "CN=\U0001f600"),
]


def name_of(tag: int, octets: bytes) -> bytes:
    attribute = encode(0x30, encode(0x06, b"\x55\x04\x03") + encode(tag, octets))
    return encode(0x30, encode(0x31, attribute))


@pytest.mark.parametrize(("tag", "octets", "written"), JAVAS_TAGS)
def test_a_value_is_written_by_its_tag_as_java_does(tag: int, octets: bytes, written: str) -> None:
    assert str(read_name(name_of(tag, octets))) == written


@pytest.mark.parametrize("tag", [0x0C, 0x13, 0x14, 0x16, 0x1B, 0x1E])
def test_a_value_that_java_would_write_like_others_is_refused(tag: int) -> None:
    with pytest.raises(NameRefusedError, match="not UTF-8"):
        read_name(name_of(tag, b"M\xfcller"))


def test_a_value_that_is_written_in_hexadecimal_may_be_of_any_octets() -> None:
    octets = name_of(0x14, b"M\xfcller").replace(b"\x55\x04\x03", b"\x55\x04\x04")
    assert str(read_name(octets)) == "2.5.4.4=#14064dfc6c6c6572"


def test_a_long_name_is_read_and_written() -> None:
    value = "v" * 300
    name = x509.Name([x509.NameAttribute(NameOID.SURNAME, value)])
    assert str(read_name(name.public_bytes())) == f"2.5.4.4=#0c82012c{value.encode().hex()}"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x30",
        b"\x30\x05\x31",
        b"\x04\x00",
        b"\x30\x02\x31\x00\x00",
        b"\x30\x04\x31\x02\x30\x00",
        b"\x30\x80",
        name_of(0x1F, b"a"),
    ],
)
def test_octets_that_are_no_name_are_refused(octets: bytes) -> None:
    with pytest.raises(NameRefusedError):
        read_name(octets)


@pytest.mark.parametrize(
    ("template", "subject", "made"),
    [
        ("device-{{subject-cn}}-{{subject-ou}}", "CN=121,OU=Hono,O=Eclipse", "device-121-Hono"),
        ("device-{{subject-dn}}", "CN=121,OU=Hono,O=Eclipse", "device-CN=121,OU=Hono,O=Eclipse"),
        ("{{subject-ou}}", "OU=dev,OU=iot,O=ACME,CN=z", "iot"),
        ("{{subject-cn}}", r"CN=foo\, bar,O=x", "foo, bar"),
        ("{{subject-dn}}", r"CN=foo\, bar,O=x", r"CN=foo\, bar,O=x"),
        ("{{subject-cn}}", "CN=$1{{subject-o}},O=x", "$1{{subject-o}}"),
    ],
)
def test_a_template_puts_values_in_literally(template: str, subject: str, made: str) -> None:
    assert apply_template("t", require_template("t", template), parse_name(subject)) == made


@pytest.mark.parametrize("template", ["", "no placeholder", "{{subject-x}}", "{{subject-cn}} {{other}}"])
def test_a_template_without_known_placeholders_is_refused(template: str) -> None:
    with pytest.raises(DocumentRefusedError):
        require_template("t", template)


def test_a_template_needs_what_it_names() -> None:
    with pytest.raises(DocumentRefusedError, match="OU"):
        apply_template("t", "{{subject-ou}}", parse_name("CN=x+OU=hidden,O=y"))
