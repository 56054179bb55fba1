"""Small files with metadata in them, written byte by byte, for the tests of the readers."""

import datetime
import io
import json
import struct
import zlib
from collections.abc import Callable
from functools import cache

import c2pa
import numpy as np
import pillow_heif
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image, ImageFilter, PngImagePlugin

SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def picture(seed: int = 5, size: tuple[int, int] = (192, 144)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(12))).astype(float)
    return Image.fromarray((128 + 8 * (smooth - smooth.mean())).clip(30, 255).astype(np.uint8))


def saved(fmt: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    if fmt == "HEIC":
        pillow_heif.from_pillow(image or picture()).save(out, **options)
    else:
        (image or picture()).save(out, fmt, **options)
    return out.getvalue()


def with_segments(*segments: tuple[int, bytes]) -> bytes:
    """A JPEG with application segments before all others."""
    data = saved("JPEG")
    inserted = b"".join(
        bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body for marker, body in segments
    )
    return data[:2] + inserted + data[2:]


def png(texts: dict[str, str] | None = None, *chunks: tuple[bytes, bytes], packed: bool = False) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in (texts or {}).items():
        (info.add_itxt if key.startswith("XML:") else info.add_text)(key, text, zip=packed)
    for kind, content in chunks:
        info.add(kind, content)
    return saved("PNG", pnginfo=info)


def raw_profile(name: str, content: bytes, title: str = "") -> tuple[bytes, bytes]:
    """A zTXt chunk as ImageMagick writes profiles; title: what it calls the profile in the text, where not its name."""
    text = f"\n{title or name}\n{len(content):8d}\n" + "\n".join(
        content.hex()[i : i + 72] for i in range(0, 2 * len(content), 72)
    )
    return b"zTXt", f"Raw profile type {name}".encode() + b"\0\0" + zlib.compress(text.encode() + b"\n")


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    riff = saved("WEBP")[8:]
    for kind, content in chunks:
        riff += kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(riff)) + riff


def gif(*extensions: bytes) -> bytes:
    """A GIF with extension blocks before its picture."""
    data = saved("GIF", picture().convert("P"))
    at = 13 + (3 << ((data[10] & 7) + 1))
    return data[:at] + b"".join(extensions) + data[at:]


def sub_blocks(content: bytes) -> bytes:
    parts = [content[i : i + 255] for i in range(0, len(content), 255)]
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def gif_xmp(packet: bytes) -> bytes:
    trailer = bytes((1, *range(255, -1, -1), 0))
    return b"\x21\xff\x0bXMP DataXMP" + packet + trailer


def xmp(body: str) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">'
        f"{body}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    ).encode()


def source_xmp(code: str = "trainedAlgorithmicMedia") -> bytes:
    return xmp(f"<Iptc4xmpExt:DigitalSourceType>{SOURCE}{code}</Iptc4xmpExt:DigitalSourceType>")


def tiff_block(
    tags: dict[int, tuple[int, bytes]], inner: dict[int, tuple[int, bytes]] | None = None
) -> bytes:
    """A little-endian EXIF block: {tag: (type, bytes)}; inner: those of the EXIF directory."""

    def directory(entries: dict[int, tuple[int, bytes]], at: int) -> bytes:
        sizes = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}
        head, body = struct.pack("<H", len(entries)), b""
        start = at + 2 + 12 * len(entries) + 4
        for tag, (kind, content) in sorted(entries.items()):
            count = len(content) // sizes[kind]
            value = content.ljust(4, b"\0") if len(content) <= 4 else struct.pack("<I", start + len(body))
            head += struct.pack("<HHI", tag, kind, count) + value
            body += content + b"\0" * (len(content) % 2) if len(content) > 4 else b""
        return head + b"\0\0\0\0" + body

    if inner is not None:
        tags = {**tags, 0x8769: (4, b"\0\0\0\0")}
        at = 8 + len(directory(tags, 8))
        tags[0x8769] = (4, struct.pack("<I", at))
        return b"II*\0\x08\0\0\0" + directory(tags, 8) + directory(inner, at)
    return b"II*\0\x08\0\0\0" + directory(tags, 8)


def exif(software: str = "GIMP 2.10") -> bytes:
    return tiff_block({0x0131: (2, software.encode() + b"\0")})


def dataset(number: int, text: str) -> bytes:
    """A dataset of IPTC-IIM's application record: 110 credit, 120 caption, 80 by-line ..."""
    return b"\x1c\x02" + bytes((number,)) + len(text.encode()).to_bytes(2, "big") + text.encode()


def iptc(credit: str = "Made with Google AI") -> bytes:
    return dataset(110, credit)


def resource(number: int, content: bytes) -> bytes:
    """A Photoshop image resource."""
    return (
        b"8BIM" + number.to_bytes(2, "big") + b"\0\0" + len(content).to_bytes(4, "big") + content
        + b"\0" * (len(content) % 2)
    )  # fmt: skip


def cbor(value: object) -> bytes:
    """The few kinds of CBOR that manifests are made of."""

    def head(kind: int, count: int) -> bytes:
        if count < 24:
            return bytes((kind << 5 | count,))
        return (
            bytes((kind << 5 | 24, count))
            if count < 256
            else bytes((kind << 5 | 25,)) + count.to_bytes(2, "big")
        )

    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(cbor(item) for item in value)
    assert isinstance(value, dict)
    return head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def superbox(kind: bytes, label: str, *content: bytes) -> bytes:
    uuid = kind + bytes.fromhex("00110010800000aa00389b71")
    return box(b"jumb", box(b"jumd", uuid + b"\x03" + label.encode() + b"\0") + b"".join(content))


def store(action: dict[str, object] | None = None, generator: str = "Example Camera") -> bytes:
    """An unsigned C2PA store: what an incomplete writer leaves, which says much and proves nothing."""
    action = action or {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE + "trainedAlgorithmicMedia",
        "when": "now",
    }
    actions = superbox(b"cbor", "c2pa.actions", box(b"cbor", cbor({"actions": [action]})))
    claim = superbox(
        b"c2cl", "c2pa.claim", box(b"cbor", cbor({"alg": "sha256", "claim_generator": generator}))
    )
    manifest = superbox(b"c2ma", "urn:uuid:1", superbox(b"c2as", "c2pa.assertions", actions), claim)
    return superbox(b"c2pa", "c2pa", manifest)


def in_app11(content: bytes, first: int = 1, size: int = 60_000) -> list[tuple[int, bytes]]:
    """A JUMBF box as APP11 segments, numbered from `first`; from the second on the box header is repeated."""
    parts = [content[:size], *(content[i : i + size] for i in range(size, len(content), size))]
    return [
        (0xEB, b"JP\0\1" + struct.pack(">I", first + i) + (content[:8] if i else b"") + part)
        for i, part in enumerate(parts)
    ]


@cache
def authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate authority of our own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Test Authority")])
    return _certificate(name, key, name, key, True), key


def _certificate(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    ca: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )  # fmt: skip
    if not ca:
        usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def trust_list() -> str:
    return pem(authority()[0])


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@cache
def leaf(signer: str = "Example AI Inc") -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The certificate of a signer under our own authority."""
    root, root_key = authority()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, signer),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, signer),
    ])  # fmt: skip
    return _certificate(name, key, root.subject, root_key, False), key


def signed(
    data: bytes,
    mime: str,
    code: str = "trainedAlgorithmicMedia",
    signer: str = "Example AI Inc",
    more: dict[str, object] | None = None,
) -> bytes:
    """The file with real Content Credentials: written by c2pa-python, signed under our own authority.

    more: another assertion.
    """
    root, _ = authority()
    certificate, key = leaf(signer)
    chain = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (certificate, root))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=chain, private_key=private, ta_url=None)
    action = {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE + code,
        "softwareAgent": {"name": "Example Model"},
    }
    manifest = {
        "claim_generator_info": [{"name": "Example Generator", "version": "1"}],
        "title": "a",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}, *([more] if more else [])],
    }
    out = io.BytesIO()
    with c2pa.Signer.from_info(info) as one, c2pa.Builder(json.dumps(manifest)) as builder:
        builder.sign(one, mime, io.BytesIO(data), out)
    return out.getvalue()


def mutants(seed: bytes, count: int, random: np.random.Generator) -> list[bytes]:
    """Copies with some bytes changed, cut out, doubled, or a length set to an extreme."""
    edits: tuple[Callable[[bytearray, int], None], ...] = (
        lambda data, at: data.__setitem__(at, int(random.integers(256))),
        lambda data, at: data.__delitem__(slice(at, at + int(random.integers(1, 40)))),
        lambda data, at: data.__setitem__(slice(at, at), data[at : at + int(random.integers(1, 40))]),
        lambda data, at: data.__setitem__(slice(at, at + 4), b"\xff\xff\xff\xff"),
        lambda data, at: data.__setitem__(slice(at, at + 2), b"\0\0"),
        lambda data, at: data.__delitem__(slice(at, None)) if random.random() < 0.1 else None,
    )
    made = []
    for _ in range(count):
        data = bytearray(seed)
        for _ in range(int(random.integers(1, 6))):
            if len(data) > 8:
                edits[int(random.integers(len(edits)))](data, int(random.integers(4, len(data))))
        made.append(bytes(data))
    return made
