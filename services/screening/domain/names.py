"""Names that meet across spellings: Mohamed, Muhammad and محمد have one key.

A word of a name, in Latin or Arabic script, is first written as it sounds, in a small alphabet that both scripts share
(``x`` is sh and ch, vowels are a, e, i and u). Its key is the consonants and as many vowels as both scripts tell.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import zip_longest

#: Sound and the letters of Arabic, Persian, Urdu and Pashto that have it. Rizwan is رضوان, which others read as Ridwan:
#: d and z are one sound. The sign ' is ain, of which Latin script keeps no more than its vowel.
_SOUNDS = {
    "a": "اىە", "b": "بپ", "t": "تطٹټ", "s": "ثسصڅ", "j": "ج", "x": "چشښ", "h": "حخه", "d": "دذزضظڈډژځږ", "r": "رڑړ",
    "'": "ع", "g": "غگګ", "f": "ف", "k": "قك", "l": "ل", "m": "م", "n": "نںڼ", "u": "وڤ", "i": "يےېۍ", "": "ءھ",
}  # fmt: skip
_ARABIC = str.maketrans({letter: sound for sound, letters in _SOUNDS.items() for letter in letters})
#: Letters with one look and several codes, Latin letters of West African and Turkish alphabets, signs inside of words.
_SAME = str.maketrans(
    {"ک": "ك", "ہ": "ه", "ۃ": "ة", "ی": "ي", "ı": "i", "ɓ": "b", "ɗ": "d", "ɛ": "e", "ɔ": "o", "ŋ": "n", "ɲ": "n"}
    | {"ƴ": "y", "ɠ": "g", "ø": "o", "œ": "e", "æ": "a"} | dict.fromkeys("'’‘ʼʿʾ`´ـ", "")
)  # fmt: skip
#: Common names whose short vowels tell them from others and stand in no Arabic letter, or whose letters mislead.
_READ = {
    "عمر": "umar", "عمرو": "amr", "عمير": "umair", "عثمان": "usman", "عبيد": "ubaid", "عبيده": "ubaida",
    "عزير": "uzair", "اسامه": "usama", "اميمه": "umaima", "ام": "um", "عدي": "udai", "عروه": "urwa", "هدي": "huda",
    "مني": "muna", "نهي": "nuha", "گل": "gul", "بٹ": "but", "ملك": "malik", "علي": "ali", "موسي": "musa",
    "عيسي": "isa", "يحيي": "yahya", "مصطفي": "mustafa", "مرتضي": "murtada", "مجتبي": "mujtaba", "ليلي": "laila",
    "سلمي": "salma", "الياس": "ilyas", "چوهدري": "chaudri", "انجم": "anjum", "رضا": "rada", "زيي": "zai",
    "حواء": "hawa", "الطاف": "altaf", "الهام": "ilham", "ابو": "abu", "الله": "allah", "عبدو": "abdu", "سيد": "sayed",
    "سيده": "sayeda", "سليمان": "suleiman", "رقيه": "rukia",
}  # fmt: skip


def _table(*rules: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), spelled) for pattern, spelled in rules)


#: From French and English spelling to sounds, in this order.
_LATIN = _table(
    (r"([^aeiou])\1+", r"\1"),
    # Names whose spellings no rule unites, or that a rule would unite with others; a capital stays as it is.
    (r"^k?h?adi(?:dj|di|d|j|dy)(?=[aeiou])", "hadij"),
    (r"^[qk]o?u?r(?:e|ai|ei|ay)sh", "kurish"),
    (r"^(ch[aou]+w?dh?)[aou](?=r)", r"\1"),
    (r"^gibril", "jibril"),
    (r"^yaya$", "yahya"),
    (r"^r(?:idh?|iz|ez|az)a$", "rada"),
    (r"^(y[ou]+[sn])[aeou]+(?=[sf])", r"\1e"),
    (r"^fatma", "fatima"),
    (r"^sa?y[aei]d(?=a?$)", "saYd"),
    (r"^s[ou]*l[aeiy]+man", "sulYman"),
    # Digraphs; in Pulaar and Wolof thi- and ti- before a vowel are ch-, di- is j-.
    (r"x", "ks"),
    (r"sch|tch|[cs]h|^th?i(?=[aeo])", "x"),
    (r"dj|(?<=^n)d[iy](?=[aeou])|^d[iy](?=[aeou])", "j"),
    (r"kh$|cq|ck", "k"),
    (r"kh", "h"),
    (r"gh|gu(?=[ei])", "g"),
    (r"ph", "f"),
    (r"th|c(?=[eiy])", "s"),
    (r"[cq]", "k"),
    (r"p", "b"),
    (r"dh|z", "d"),
    # Glides, and vowels as Arabic letters would tell them.
    (r"^ou(?=[aeiy])|^v", "w"),
    (r"(?<=.)[vw]e(?=[^aeiou])", "ui"),
    (r"(?<=.)[wv]|^w(?![aeiouy])|oo|o", "u"),
    (r"(?<=.)y|^y(?![aeiou])|ee", "i"),
    (r"(?<=[aeiu])h$", ""),
    (r"^((?:[^aeiu]+[aeiu]+){2,}n|[aeiu]+[^aeiu]+[aeiu]+n)e$", r"\1"),
    (r"e$", "i"),
    (r"^([^aeiu]?a+[^aeiu])e(?=[^aeiu]a?$)", r"\1i"),
)
#: From Arabic letters to sounds, and from these to what is pronounced.
_WRITTEN = _table((r"^دي(?=ا)", "ج"), (r"(?<=[اويى])ه$", ""), (r"ه$", "ة"), (r"خ$", "ك"))
_SPOKEN = _table(
    (r"^u(?=.)", "w"),
    (r"^i(?=.)", "y"),
    (r"^ai(?=[^aeiuة])", "i"),
    (r"^au(?=[^a])", "u"),
    # Qasim, Khalid, Fatima: a long a before two last consonants is followed by an i that isn't written.
    (r"^([^aeiuة]a[^aeiuة])(?=[^aeiuة]ة?$)", r"\1i"),
    (r"aة$", "at"),
    (r"(?<=[aeiu])h$", ""),
    (r"h$|ة", "a"),
    (r"^'(?![aeiu])", "a"),
    (r"'", ""),
)

_ARTICLES = {"al", "el", "ul", "il", "ال"}
_KIN = {"ben", "bin", "ibn", "ould", "wuld", "weld", "bint", "mint", "بن", "ابن", "ولد", "بنت", "منت"}
_FATHER = {"abu": "abu", "abou": "abu", "abul": "abu", "aboul": "abu", "abo": "abu", "ابو": "ابو"}
#: The article takes the sound of the sun letter that follows it: ar-Rahman, ash-Shams.
_SUN_ARTICLE = re.compile(r"[aeiu](?P<sound>[rnsztd]|[sc]h) (?P=sound)")
#: Names in one word that others write in two.
_COMPOUNDS = _table(
    (r"^abd(?:[aeou]*l+ah?i?|[ou]+l(?:aye?|ai))$", "abd allah"),
    (r"^abd[aeou]+[lrnsztd]$", "abd"),
    (r"^abd(?:[aeiou]*+([rnsztd])(?=\1)|[aeiou]++l|[aeiou]++(?=[^aeiou])|(?=[^aeiou]))(?=\w{3})", "abd "),
    (r"^(\w{3,}?|)(?:[ou]+l+|all+)ah$", r"\1 allah"),
    (r"^(\w{2,}?[^aeiouy]|)[aeou]*d?d(?:ine?|een)$", r"\1 din"),
    (r"^(\w{4,})zai$", r"\1 zai"),
    (r"^(?:al|el)(?=h(?!am))", ""),
    (r"^ال(?=\w{3})", ""),
    (r"^عبد(?:ال(?=\w{3}))?(?=\w{3})", "عبد "),
    (r"^(\w{2,}) ?الله$", r"\1 الله"),
    (r"^(\w{2,})الدين$", r"\1 دين"),
    (r"^(\w{3,})زيي$", r"\1 زيي"),
)


def words(name: str) -> list[str]:
    """The keys of a name's words in their order, without articles and without son, daughter and father of.

    Compounds are taken apart, however they were written: Abderrahmane and Abd al-Rahman are both Abd and Rahman.
    """
    parts = [part for word in _bare(name).split() for part in _apart(word).split()]
    return [_sound(part) for part in _telling(parts)]


def sound(word: str) -> str:
    """The key of one word: equal for spellings of one name. A word of another script or with digits is its own."""
    return _sound(_bare(word).strip()) or word.casefold()


def _sound(word: str) -> str:
    word = _READ.get(word.replace("ى", "ي").replace("ة", "ه"), word)
    if re.fullmatch(r"[a-z]+", word):
        return _key(_rewritten(word, _LATIN)) or word
    if all(ord(letter) in _ARABIC or letter == "ة" for letter in word):
        return _key(_rewritten(_rewritten(word, _WRITTEN).translate(_ARABIC), _SPOKEN)) or word
    return word


def _key(sounds: str) -> str:
    """The longer a word, the fewer of its vowels are needed to tell it from others."""
    gaps, consonants = re.split(r"[^aeiu]", sounds), re.findall(r"[^aeiu]", sounds)
    if len(consonants) < 2:
        return re.sub(r"(.)\1+", r"\1", sounds.replace("e", "i"))
    *others, last = consonants
    if len(consonants) > 3:
        return "".join([*others, "u" * ("u" in gaps[-2]), last])
    tail = gaps[-1][-2:] if len(consonants) == 2 and gaps[-1][-2:] in ("ia", "ua") else gaps[-1][-1:]
    inner = "ia" if len(consonants) == 2 and "ia" in gaps[-2] else _inner(gaps[-2])
    return "".join([_initial(gaps[0]), *others, inner, last, tail])


def _initial(vowels: str) -> str:
    """Umar and Amar differ; Ismail, Esmail and اسماعيل don't."""
    return vowels[:1] if vowels[:1] in ("", "u") else "a"


def _inner(vowels: str) -> str:
    """Hussein and Hassan, Jamil and Jamal, Mahmoud and Muhammad: the last vowel, where Arabic letters tell it."""
    return next((vowel for vowel in "iu" if vowel in vowels), "")


def _rewritten(word: str, table: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for pattern, instead in table:
        word = pattern.sub(instead, word)
    return word


def _bare(name: str) -> str:
    """Without case, signs on and in letters, and punctuation, in letters of one code each."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter)).translate(_SAME)
    return "".join(_joined(letter) for letter in bare)


def _joined(letter: str) -> str:
    category = unicodedata.category(letter)
    return letter if category[0] in "LMN" else "" if category == "Cf" else " "


def _apart(word: str) -> str:
    return word if word.replace("ى", "ي") in _READ else _rewritten(word, _COMPOUNDS)


def _telling(parts: list[str]) -> Iterator[str]:
    father = ""
    for part, following in zip_longest(parts, parts[1:], fillvalue=""):
        if following and part in _FATHER:
            father = _FATHER[part]
        elif not following or not (part in _ARTICLES | _KIN or _SUN_ARTICLE.match(f"{part} {following}")):
            yield father + part
            father = ""
