"""Encodings: told by evidence, or not guessed."""

import io

import pytest

from core.errors import InputError
from core.utils.encodings import TextEncoding, is_binary, text_encoding


def decoded(data: bytes) -> tuple[str, TextEncoding]:
    encoding = text_encoding(lambda: io.BytesIO(data), "it")
    return data.decode(encoding.codec, encoding.errors), encoding


GERMAN = "username,caption\nanna,Schöne Grüße aus München\n"
FRENCH = "username,caption\nanna,C’est l’été, ça c’est génial… j’adore la fête\n"
POLISH = "username,caption\nanna,Zażółć gęślą jaźń, dzień dobry wszystkim\n"
RUSSIAN = "username,caption\nanna,Привет всем! Сегодня хороший день\nbob,Спасибо\n"
JAPANESE = "username,caption\n" + "anna,今日はとても天気がいいです。学校に行きました\n" * 20


@pytest.mark.parametrize("text", [GERMAN, FRENCH, POLISH, RUSSIAN, JAPANESE, "a,b,d\nc,🙂 😀😀\n"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_form_of_unicode_is_read_with_and_without_a_mark(text: str, codec: str) -> None:
    assert decoded(text.encode(codec))[0].lstrip("\ufeff") == text


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        *((GERMAN, codec) for codec in ("cp1252", "mac_roman", "cp850")),
        *((FRENCH, codec) for codec in ("cp1252", "mac_roman")),
        *((POLISH, codec) for codec in ("cp1250", "iso8859_2")),
        *((RUSSIAN, codec) for codec in ("cp1251", "koi8_r", "cp866")),
        *((JAPANESE, codec) for codec in ("cp932", "euc_jp")),
    ],
)
def test_older_encodings_are_told_by_their_words_and_the_choice_is_said(text: str, codec: str) -> None:
    found, encoding = decoded(text.encode(codec))
    assert found == text
    assert "by its words" in encoding.remarks[0]


@pytest.mark.parametrize(
    "content",
    [
        "username,caption\nanna,dzień\n".encode("cp1250"),  # could as well be Spanish
        "username,caption\nanna,mañana\n".encode("cp1252"),
        "username,caption\nanna,天气\n".encode("gb18030"),
        b"username,caption\nanna,\x81\x8d\x9f\xc3\n",
    ],
)
def test_weak_evidence_is_refused_with_advice(content: bytes) -> None:
    with pytest.raises(InputError, match="Save it as UTF-8"):
        decoded(content)


def test_a_few_broken_bytes_in_utf_8_cost_only_themselves_and_are_said() -> None:
    text, encoding = decoded("anna,déjà vu\nbob,caf".encode() + b"\xc3\ncarl,\xc3\xbc\n")
    assert text == "anna,déjà vu\nbob,caf\ufffd\ncarl,ü\n"
    assert encoding.remarks == ("It is in UTF-8 with 1 place that is not; a \ufffd stands there.",)


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n\x00\x00", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"%PDF-1.7\n"])
def test_pictures_and_documents_are_no_text(head: bytes) -> None:
    assert is_binary(head)
    with pytest.raises(InputError, match="not a text file"):
        decoded(head)


def test_a_text_longer_than_a_portion_is_judged_whole() -> None:
    content = "é".encode() * 900_000  # a sign of two bytes lies across every boundary
    assert decoded(content)[0] == "é" * 900_000
