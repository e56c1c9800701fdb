"""How people write an age of theirs, in five languages: the patterns that :mod:`core.labelling.self_reports` reads.

Every repetition in a pattern has an upper bound, so that the time a caption takes grows with its
length alone, whoever wrote it; a test holds this. ``n`` is an age, ``y`` a year, ``who`` the word
that may say whose age it is.
"""

import re
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "es", "pt", "de", "fr"]
Pattern = Literal["statement", "turned", "birthday", "born", "graduation", "grade", "mention"]
Whose = Literal["own", "other", "unclear"]
Moment = Literal["now", "today", "ahead", "born", "school", "degree", "grade"]
"""What ``n`` or ``y`` is at the time of the post.

now: the age. today: the age since a few days. ahead: the age from the next birthday on. born: the year of
birth. school: the year that school ends. degree: the year that school or a first degree ends. grade: the
year at school.
"""


@dataclass(frozen=True)
class Rule:
    """One way of writing an age.

    Attributes:
        expression: with the group ``n`` or ``y``, and perhaps ``who``.
        whose: whose age it is; where ``who`` matched, :mod:`core.labelling.self_reports` looks at that word.
        refuted: what, shortly before the match and in the same clause, says that it is no age of now.
        unless: what, directly after the match, says the same.
    """

    pattern: Pattern
    language: Language
    expression: re.Pattern[str]
    moment: Moment
    whose: Whose
    refuted: re.Pattern[str]
    unless: re.Pattern[str]


NUMBER_WORDS: dict[Language, dict[str, int]] = {
    "en": {
        "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18,
        "nineteen": 19, "twenty": 20, "twenty-one": 21, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    },
    "es": {
        "trece": 13, "catorce": 14, "quince": 15, "dieciséis": 16, "diecisiete": 17, "dieciocho": 18,
        "diecinueve": 19, "veinte": 20, "veintiuno": 21, "veintiún": 21, "treinta": 30, "cuarenta": 40,
        "cincuenta": 50, "sesenta": 60,
    },
    "pt": {
        "treze": 13, "catorze": 14, "quatorze": 14, "quinze": 15, "dezesseis": 16, "dezasseis": 16,
        "dezessete": 17, "dezassete": 17, "dezoito": 18, "dezenove": 19, "dezanove": 19, "vinte": 20,
        "trinta": 30, "quarenta": 40, "cinquenta": 50, "sessenta": 60,
    },
    "de": {
        "dreizehn": 13, "vierzehn": 14, "fünfzehn": 15, "sechzehn": 16, "siebzehn": 17, "achtzehn": 18,
        "neunzehn": 19, "zwanzig": 20, "einundzwanzig": 21, "dreißig": 30, "dreissig": 30, "vierzig": 40,
        "fünfzig": 50, "sechzig": 60,
    },
    "fr": {
        "treize": 13, "quatorze": 14, "quinze": 15, "seize": 16, "dix-sept": 17, "dix-huit": 18, "dix-neuf": 19,
        "vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60,
    },
}  # fmt: skip

_SPACE = r"[ \t\n\u00a0]{1,3}"
_YEAR = r"(?P<y>(?:19|20)\d\d)(?!\d)"
_NO_NUMBER = r"(?![\d%])(?![.,:/'’\-–]\d)"
"""After an age: it is not the beginning of another number."""
_END = r"(?=[\x20\t]?(?:[.!,;)(…\n🎂🎉🥳🎈]|$))"
"""A bare number is an age only where the phrase ends with it."""


def _n(language: Language, with_words: bool = True) -> str:
    """An age from 1 to 109, in digits or as a word; never the end of another number."""
    words = "|".join(sorted(NUMBER_WORDS[language], key=len, reverse=True))
    digits = r"(?:10\d|[1-9]\d?)" + _NO_NUMBER
    number = rf"(?:{digits}|(?:{words})\b(?![\-–]))" if with_words else digits
    return rf"(?<![\d.,/#:'’$€£&\-])(?P<n>{number})"


def _compile(expression: str) -> re.Pattern[str]:
    """``expression`` with every space standing for a little white space."""
    return re.compile(expression.replace(" ", _SPACE), re.IGNORECASE)


def _clause(words: str) -> re.Pattern[str]:
    """Any of ``words`` in the clause before a match."""
    return re.compile(rf"(?<![\w'’])(?:{words})(?![\w'’])", re.IGNORECASE)


def _rules(language: Language, refuted: str, unless: str, rows: "list[_Row]") -> list[Rule]:
    before, after = _clause(refuted), re.compile(unless.replace(" ", _SPACE), re.IGNORECASE)
    return [
        Rule(pattern, language, _compile(expression), moment, whose, before, after)
        for pattern, moment, whose, expression in rows
    ]


_Row = tuple[Pattern, Moment, Whose, str]


def _english() -> list[_Row]:
    n = _n("en")
    am = r"(?<![\w'’@#/])(?:i am|i['’]?m|im)(?: (?:now|only|just|officially|finally|still|currently|already)){0,2}"
    years = r"[\s\-]?(?:years?|yrs?\.?)[\s\-]?(?:old|young|of age)\b|[\s\-]?y/?o\b"
    goes_on = r"(?= (?:now|today|and|but|so|lol|male|female|this year|as of)\b)"
    i, nth, day = r"(?<![\w'’])i", rf"{n}[\s\-]?(?:st|nd|rd|th)", r"(?:birthday|b-?day)"
    recent = r"(?:today|yesterday|tonight|this (?:morning|week|weekend|past)|last (?:night|week|weekend|month)|on \w)"
    months = "january|february|march|april|may|june|july|august|september|october|november|december"
    soon = rf"(?:tomorrow|soon|next \w|in (?:an?|one|two|three|\d{{1,2}}|just|about|less|{months})\b|on (?!my\b)\w|"
    soon += rf"this (?:\w{{3,6}}day|weekend|month|{months})\b)"
    starts = r"(?:^|[.!?\n]\s{0,2})"
    return [
        ("statement", "now", "own", rf"{am}(?: an?)? {n}(?:{years})"),
        ("statement", "now", "own", rf"{am} {n}(?:{_END}|{goes_on})"),
        ("statement", "ahead", "own", rf"{i}(?: am|['’]?m) (?:almost|nearly) {n}(?:{years}|{_END}|{goes_on})"),
        ("turned", "today", "own", rf"{i}(?:['’]?m| am)? (?:turn|turning) {n}(?:{years})? today\b"),
        ("turned", "today", "own", rf"(?<!\w)today,? i(?:['’]?m| am)? (?:turn|turned|turning) {n}\b"),
        (
            "turned",
            "ahead",
            "own",
            rf"{i}(?:['’]?m| am) (?:turning|(?:about to|going to|gonna) (?:turn|be)) {n}"
            rf"(?:{years})?(?:{_END}| {soon})",
        ),
        ("turned", "ahead", "own", rf"{i}(?:['’]ll| will)? (?:be|turn) {n}(?:{years})? {soon}"),
        (
            "turned",
            "today",
            "own",
            rf"{i}(?:['’]ve| have)?(?: (?:just|finally|officially|recently)){{1,2}} turned {n}\b",
        ),
        ("turned", "today", "own", rf"{i}(?:['’]ve| have)? turned {n}(?:{years})?(?: {recent}|(?=[\x20\t]?!))"),
        (
            "turned",
            "today",
            "own",
            rf"{starts}(?:(?:just|finally|officially) ){{0,2}}turned {n} "
            r"(?:today|yesterday|last|this)\b",
        ),
        ("turned", "today", "own", rf"{starts}(?:officially |finally ){{0,1}}{n}(?:{years})? today\b"),
        (
            "birthday",
            "today",
            "own",
            rf"(?:today|yesterday|it)(?: is|['’]?s| was) (?:\w{{2,9}} ){{0,1}}my {nth} {day}\b",
        ),
        ("birthday", "today", "own", rf"my {nth} {day}(?: was| is|['’]s)? (?:today|yesterday)\b"),
        ("birthday", "today", "own", rf"happy {n}(?:st|nd|rd|th)?(?: {day})? to me\b"),
        (
            "birthday",
            "today",
            "own",
            rf"celebrat(?:ing|ed) my {nth}(?: {day})?(?:{_END}| (?:today|yesterday|last night)\b)",
        ),
        ("birthday", "ahead", "own", rf"tomorrow(?: is|['’]?s) (?:\w{{2,9}} ){{0,1}}my {nth}(?: {day})?\b"),
        (
            "birthday",
            "ahead",
            "own",
            rf"my {nth} {day} (?:is )?(?:(?:only|just|almost) ){{0,1}}"
            rf"(?:{soon}|coming|approaching|around the corner|just around)",
        ),
        (
            "birthday",
            "ahead",
            "own",
            rf"(?:approaching|(?:weeks?|days?|months?) (?:away from|until|till|before|to)|"
            rf"down to) my {nth} {day}\b",
        ),
        ("birthday", "today", "own", rf"(?<!\w)#my{_HASH_N}(?:st|nd|rd|th)(?:birthday|bday)?\b"),
        ("born", "born", "own", rf"{i} was born[^.!?\n]{{1,25}}? {_YEAR}"),
        (
            "graduation",
            "degree",
            "own",
            rf"(?:{i}(?: am|['’]m| was)|(?<!\w)(?:we(?: are|['’]re)|my|our))"
            rf"(?: \w{{1,12}}){{0,4}} class of {_YEAR}",
        ),
        (
            "graduation",
            "degree",
            "own",
            rf"{i}(?: will|['’]ll|['’]m| am)? (?:graduate|graduating)"
            rf"(?: \w{{1,12}}){{0,3}} in {_YEAR}",
        ),
        (
            "grade",
            "grade",
            "own",
            rf"{i}(?:['’]?m| am)(?: (?:now|currently|going|in|into|to|starting|entering|only)){{0,3}}"
            r"(?: the| a){0,1} (?P<n>[6-9]|1[0-2])th[\s\-]grade(?:r\b|\b)",
        ),
        (
            "birthday",
            "now",
            "other",
            rf"happy {n}(?:st|nd|rd|th)?(?: {day})?(?! to me\b)"
            rf"(?: to|,)? (?:my|our|the|this|@|\w{{2,15}}!)",
        ),
        (
            "birthday",
            "now",
            "other",
            rf"(?:(?:{_ENGLISH_KIN})['’]?s?|\w{{2,15}}['’]s) (?:\w{{2,12}} ){{0,2}}{nth} {day}",
        ),
        (
            "turned",
            "now",
            "other",
            rf"(?:{_ENGLISH_KIN})(?: \w{{2,12}}){{0,2}} (?:turned|turns|turning|is|just turned|is now) {n}"
            rf"(?:{years}|{_END}| today\b| (?:on|next|this)\b)",
        ),
        (
            "turned",
            "now",
            "other",
            rf"(?<![\w'’])(?:he|she|it|they|you)(?:['’](?:s|re)| is| are| has| just){{0,2}} "
            rf"(?:(?:only|just|now|turned|turns|turning) ){{0,2}}{n}(?:{years}|{_END}| today\b)",
        ),
        (
            "turned",
            "now",
            "other",
            rf"(?<![\w'’])(?!(?:i|just|finally|officially|have|never|am|to)\b)\w{{2,15}} "
            rf"(?:(?:just|is) ){{0,1}}(?:turned|turns|turning) {n}(?:{years}|{_END}| today\b)",
        ),
        ("birthday", "now", "unclear", rf"(?<!\w){nth}[\s\-]?{day}\b"),
        ("birthday", "now", "unclear", rf"(?<!\w)#(?:happy)?{_HASH_N}(?:st|nd|rd|th)(?:birthday|bday)\w{{0,12}}"),
        ("birthday", "now", "unclear", rf"(?<!\w)my {nth}{_END}"),
        ("mention", "now", "unclear", rf"(?<!\w){n}[\s\-]?(?:years?|yrs?\.?)[\s\-]?olds?\b"),
        ("mention", "now", "unclear", rf"(?<!\w){n}[\s\-]?y/o\b"),
        ("turned", "now", "unclear", rf"(?<!\w)#turn(?:ing|ed){_HASH_N}\b"),
        ("graduation", "degree", "unclear", rf"(?<!\w)(?:class of |#classof|c/o ){_YEAR}"),
    ]


_ENGLISH_KIN = (
    "son|daughter|brother|sister|bro|sis|mom|mum|mother|dad|father|cousin|nephew|niece|husband|wife|boyfriend|"
    "girlfriend|bf|gf|friend|baby|babygirl|boy|girl|kid|grandma|grandmother|grandpa|grandfather|grandson|"
    "granddaughter|aunt|uncle|dog|cat|roommate|bestie|twin|twins"
)
_HASH_N = r"(?P<n>[1-9]\d)"


def _spanish() -> list[_Row]:
    n = _n("es")
    years = r" (?:años|anos|añitos|añazos)\b"
    end = rf"(?:{years}|{_END}| (?:hoy|ayer|ya)\b)"
    kin = r"(?:hij[oa]|herman[oa]|madre|mam[áa]|padre|pap[áa]|prim[oa]|sobrin[oa]|niet[oa]|abuel[oa]|t[íi][oa]|"
    kin += r"amig[oa]|novi[oa]|espos[oa]|marido|mujer|beb[ée]|niñ[oa]|perr[oa]|gat[oa]|peque(?:ñ[oa])?)"
    return [
        ("statement", "now", "own", rf"(?<!\w)tengo(?: (?:ya|solo|sólo|apenas|ahora)){{0,1}} {n}{years}"),
        ("statement", "ahead", "own", rf"(?<!\w)tengo casi {n}{years}"),
        (
            "turned",
            "today",
            "own",
            rf"(?<!\w)(?:cumplo|cumplí|cumpli|acabo de cumplir|estoy cumpliendo)(?: ya){{0,1}} {n}{end}",
        ),
        ("turned", "ahead", "own", rf"(?<!\w)(?:voy a cumplir|cumpliré|estoy por cumplir|a punto de cumplir) {n}{end}"),
        ("birthday", "today", "own", rf"(?:feliz|felices) {n}(?:{years})?(?: cumpleaños)? (?:a|para) m[íi](?!\w)"),
        ("birthday", "today", "own", rf"(?<!\w)hoy (?:es mi cumpleaños (?:número )?|celebro mis |festejo mis ){n}\b"),
        ("born", "born", "own", rf"(?<!\w)nac[íi] (?:el [^.!?\n]{{1,20}} )?(?:en|de|del)(?: \w{{3,10}} de)? {_YEAR}"),
        (
            "graduation",
            "degree",
            "own",
            rf"(?<!\w)(?:soy|somos|mi|nuestra)(?: de)?(?: la)? (?:generación|promoción) (?:de |del )?{_YEAR}",
        ),
        (
            "turned",
            "now",
            "other",
            rf"(?<!\w){kin}(?: @?\w{{2,15}}){{0,2}} (?:cumple|cumplió|tiene)(?: ya| hoy){{0,1}} {n}{end}",
        ),
        ("turned", "now", "other", rf"(?<!\w)(?:cumple|cumples|cumplió|cumpliste|tiene|tienes) {n}{years}"),
        ("birthday", "now", "other", rf"(?:feliz|felices) {n}{years}"),
        ("birthday", "now", "unclear", rf"(?<!\w)mis {n}(?:{years}| primaveras\b)"),
        ("birthday", "now", "unclear", r"(?<!\w)#?mis\s?(?P<n>quince)(?:años)?\b(?! \w)"),
        ("mention", "now", "unclear", rf"(?<!\w)(?:de|con) {n}{years}"),
        ("mention", "now", "unclear", rf"(?:^|\n){n}{years}{_END}"),
        ("mention", "now", "unclear", rf"(?<!\w)#{_HASH_N}(?:años|añitos)\b"),
        (
            "graduation",
            "degree",
            "unclear",
            rf"(?<!\w)(?:#?generaci[óo]n\s?|#promo(?:ci[óo]n)?\s?|promoción (?:de |del )){_YEAR}",
        ),
    ]


def _portuguese() -> list[_Row]:
    n = _n("pt")
    years = r" (?:anos|aninhos)\b"
    end = rf"(?:{years}|{_END}| (?:hoje|ontem)\b)"
    kin = r"(?:filh[oa]|irmã|irmão|mãe|pai|prim[oa]|sobrinh[oa]|net[oa]|avó|avô|vó|vô|ti[oa]|amig[oa]|namorad[oa]|"
    kin += r"espos[oa]|marido|mulher|bebê|bebé|menin[oa]|cachorr[oa]|gat[oa]|pequen[oa])"
    return [
        ("statement", "now", "own", rf"(?<!\w)tenho(?: (?:já|só|apenas|agora)){{0,1}} {n}{years}"),
        ("statement", "ahead", "own", rf"(?<!\w)tenho quase {n}{years}"),
        ("turned", "today", "own", rf"(?<!\w)(?:fiz|faço|completo|completei|acabei de fazer|estou fazendo) {n}{years}"),
        ("turned", "today", "own", rf"(?<!\w)hoje (?:eu )?(?:faço|completo) {n}{end}"),
        ("turned", "ahead", "own", rf"(?<!\w)(?:vou fazer|farei|vou completar) {n}{end}"),
        ("birthday", "today", "own", rf"feliz {n}(?:{years})? (?:a|para|pra) mim\b"),
        ("birthday", "today", "own", rf"(?<!\w)(?:comemorando|celebrando) (?:os )?meus {n}{end}"),
        ("born", "born", "own", rf"(?<!\w)nasci (?:em|no dia|a)(?: [^.!?\n]{{1,20}}? de)? {_YEAR}"),
        (
            "graduation",
            "degree",
            "own",
            rf"(?<!\w)(?:sou|somos|minha|nossa)(?: da)? (?:formatura|turma)(?: de)? {_YEAR}",
        ),
        (
            "turned",
            "now",
            "other",
            rf"(?<!\w){kin}(?: @?\w{{2,15}}){{0,2}} (?:faz|fez|completa|completou|tem)(?: hoje| já){{0,1}} {n}{years}",
        ),
        ("turned", "now", "other", rf"(?<!\w)(?:el[ea]|você) (?:faz|fez|completa|completou|tem) {n}{years}"),
        ("birthday", "now", "other", rf"(?:feliz|parabéns pelos(?: seus)?) {n}{years}"),
        ("birthday", "now", "unclear", rf"(?<!\w)meus {n}{years}"),
        ("mention", "now", "unclear", rf"(?<!\w)(?:de|com) {n}{years}"),
        ("mention", "now", "unclear", rf"(?:^|\n){n}{years}{_END}"),
        ("graduation", "degree", "unclear", rf"(?<!\w)#?(?:formand[oa]s|turma|terceir[ãa]o)(?: de)?\s?{_YEAR}"),
    ]


def _german() -> list[_Row]:
    n = _n("de")
    years = r" jahre(?: alt| jung)\b"
    end = rf"(?:{years}| jahre{_END}|{_END})"
    kin = r"(?:sohn|tochter|bruder|schwester|mama|mutter|papa|vater|cousin|cousine|neffe|nichte|enkel|enkelin|oma|opa|"
    kin += r"tante|onkel|freund|freundin|mann|frau|baby|kleine[rn]?|große[rn]?|hund|katze)"
    return [
        ("statement", "now", "own", rf"(?<!\w)ich bin(?: (?:jetzt|erst|schon|nun|gerade|noch)){{0,2}} {n}{end}"),
        ("statement", "now", "own", rf"(?:^|[.!?\n,]\s?)bin(?: (?:jetzt|erst|schon|nun)){{0,1}} {n}{years}"),
        ("statement", "ahead", "own", rf"(?<!\w)ich bin fast {n}{end}"),
        (
            "turned",
            "today",
            "own",
            rf"(?<!\w)(?:ich bin|bin ich)(?: (?:heute|gestern|gerade|endlich|nun)){{0,2}} {n}"
            r"(?: jahre(?: alt)?)? geworden\b",
        ),
        (
            "turned",
            "today",
            "own",
            rf"(?<!\w)(?:ich werde heute|heute werde ich|ich werd heute|heute werd ich)"
            rf"(?: endlich| schon){{0,1}} {n}{end}",
        ),
        (
            "turned",
            "ahead",
            "own",
            rf"(?<!\w)(?:ich werde|werde ich) (?:bald|morgen|nächste\w? \w{{3,9}}|im \w{{3,9}}|"
            rf"in \w{{1,5}} \w{{3,7}}) {n}{end}",
        ),
        (
            "birthday",
            "today",
            "own",
            r"(?<!\w)(?:heute (?:ist|feiere ich)|gestern war|ich feiere heute) mein(?:en)? "
            rf"{n}\.? geburtstag\b",
        ),
        ("birthday", "today", "own", rf"(?:alles gute|happy birthday) zu meinem {n}\.? geburtstag\b"),
        ("born", "born", "own", rf"(?<!\w)(?:ich (?:bin|wurde)|bin ich|wurde ich) [^.!?\n]{{0,22}}?{_YEAR} geboren\b"),
        ("born", "born", "own", rf"(?<!\w)ich bin jahrgang {_YEAR}"),
        ("graduation", "school", "own", rf"(?<!\w)(?:mein|unser) abi(?:tur)? {_YEAR}"),
        (
            "turned",
            "now",
            "other",
            rf"(?<!\w){kin}(?: @?\w{{2,15}}){{0,2}} (?:ist|wird|wurde)(?: heute| schon| jetzt){{0,1}} {n}{end}",
        ),
        (
            "turned",
            "now",
            "other",
            rf"(?<!\w)(?:er|sie|du|es) (?:ist|wird|wurde|bist|wirst)(?: heute| schon| jetzt){{0,1}} {n}{end}",
        ),
        ("birthday", "now", "other", rf"(?:alles gute|glückwunsch|herzlichen glückwunsch) zum {n}(?:\.| |\b)"),
        ("birthday", "now", "unclear", rf"(?<!\w)(?:mein(?:e[nm])? |zum ){{0,1}}{n}\.? geburtstag\b"),
        ("mention", "now", "unclear", rf"(?<!\w){n}{years}"),
        ("mention", "now", "unclear", rf"(?<!\w){n}[\s\-]?jährige?[rsn]?\b"),
        ("graduation", "school", "unclear", rf"(?<!\w)#?abi(?:tur)?(?:jahrgang)?\s?{_YEAR}"),
    ]


def _french() -> list[_Row]:
    n = _n("fr")
    years = r" ans\b"
    kin = r"(?:fils|fille|frère|soeur|sœur|maman|mère|papa|père|cousine?|neveu|nièce|grand-mère|grand-père|mamie|papi|"
    kin += r"tante|oncle|amie?|copine?|mari|femme|bébé|chienn?e?|chatt?e?|petite?)"
    return [
        ("turned", "today", "own", rf"(?<!\w)aujourd['’]hui,? j['’]ai {n}{years}"),
        ("turned", "today", "own", rf"(?<!\w)j['’]ai {n}{years} aujourd['’]hui\b"),
        (
            "statement",
            "now",
            "own",
            rf"(?<![\w'’])j['’]ai(?: (?:maintenant|seulement|déjà|juste|que)){{0,1}} {n}{years}",
        ),
        ("statement", "ahead", "own", rf"(?<!\w)j['’]ai (?:presque|bientôt) {n}{years}"),
        ("turned", "today", "own", rf"(?<!\w)je viens d['’]avoir(?: mes)? {n}{years}"),
        ("turned", "today", "own", rf"(?<!\w)je f[êe]te (?:aujourd['’]hui )?mes {n}{years}"),
        ("turned", "ahead", "own", rf"(?<!\w)(?:je vais avoir|je vais fêter mes) {n}{years}"),
        ("turned", "ahead", "own", rf"(?<!\w)j['’]aurai {n}{years} (?:dans|demain|en|bientôt|la semaine|ce|le)\b"),
        ("birthday", "today", "own", rf"(?:joyeux|bon) {n}(?:e|è?me|ème|ᵉ)? anniversaire à moi\b"),
        ("born", "born", "own", rf"(?<!\w)je suis née?(?: le [^.!?\n]{{1,16}})?\s?(?:en )?(?:\w{{3,9}} )?{_YEAR}"),
        (
            "turned",
            "now",
            "other",
            rf"(?<!\w){kin}(?: @?\w{{2,15}}){{0,2}} (?:a|fête ses|fêtait ses)"
            rf"(?: déjà| aujourd['’]hui){{0,1}} {n}{years}",
        ),
        ("turned", "now", "other", rf"(?<!\w)(?:il|elle|tu) (?:a|as|fête ses|fêtes tes) {n}{years}"),
        ("birthday", "now", "other", rf"(?:joyeux|bon) {n}(?:e|ème|ᵉ)? (?:anniversaire|anniv)\b"),
        ("birthday", "now", "unclear", rf"(?<!\w)mes {n}{years}"),
        ("birthday", "now", "unclear", rf"(?<!\w)mon {n}(?:e|ème|ᵉ) anniversaire\b"),
        ("mention", "now", "unclear", rf"(?<!\w)(?:de|à) {n}{years}"),
        ("mention", "now", "unclear", rf"(?:^|\n){n}{years}{_END}"),
        ("graduation", "school", "unclear", rf"(?<!\w)#?bac\s?{_YEAR}"),
        ("graduation", "degree", "unclear", rf"(?<!\w)#?promo(?:tion)?\s?{_YEAR}"),
    ]


RULES: list[Rule] = [
    *_rules(
        "en",
        r"when|whenever|if|till?|until|before|once|like|since|though|thinks?|thinking|thought|pretend\w*|says?|said|"
        r"saying|told|tells?|time|after|wish|act\w*|feel\w*|was|were|not|never|where|imagine|unless",
        r"[\s,\-]{1,3}\d|"
        r"[\s,\-]{0,3}(?:at heart|inside|something|ish|or|to|feet|ft|lbs?|minutes?|percent|hours?|days?|weeks?|months?|"
        r"years? (?:ago|into|behind|late|early|since)|degrees?|pages?|and (?:under|over|up|older|a half)|times|points|"
        r"(?:in|back in|on)[^.!?\n]{0,14} (?:19|20)\d\d|when|before|until)\b",
        _english(),
    ),
    *_rules(
        "es",
        r"cuando|si|hasta|antes|como|parece\w*|dice\w*|tenía|desde|hace|no|casi",
        r" (?:(?:años|anos) )?(?:de (?!edad)|\w{2,12}ndo\b|sin |en |con |juntos|que |días|"
        r"meses|semanas|horas|atrás|y medio con)",
        _spanish(),
    ),
    *_rules(
        "pt",
        r"quando|se|até|antes|como|parece\w*|disse\w*|tinha|desde|há|não|quase",
        r" (?:anos )?(?:de (?!idade)|\w{2,12}ndo\b|sem |em |que |juntos|dias|meses|semanas|horas|atrás)",
        _portuguese(),
    ),
    *_rules(
        "de",
        r"wenn|als|bis|bevor|falls|war|seit|wie|ob|fühl\w*|sagt\w*|nicht|vor",
        r" (?:jahre )?(?:lang|zu spät|minuten|stunden|tage|wochen|monate|kilo|cm|oder)\b",
        _german(),
    ),
    *_rules(
        "fr",
        r"quand|si|jusqu['’]à|avant|comme|dit|depuis|il y a|pas|avais|dans",
        r" (?:de (?!plus)|d['’]|passés|sans |en |que |pour )",
        _french(),
    ),
]  # fmt: skip
"""In the order of their precedence: of two that overlap, the first one counts, own ages before others'."""

TRIGGERS: dict[str, re.Pattern[str]] = {
    language: re.compile(words, re.IGNORECASE)
    for language, words in {
        "es": r"tengo|cumpl|acabo|feli|hoy|nac[íi]|generaci|promo|tiene|añ|anos|mis",
        "pt": r"tenho|fiz|faço|complet|acabei|estou|vou|farei|feliz|comemora|celebra|nasci|turma|formatura|formand|"
        r"terceir|parab|anos|aninhos",
        "de": r"\bbin\b|werd|wird|wirst|wurde|\bist\b|\bbist\b|mein|unser|\bzum\b|jahr|jähr|geburtstag|abi",
        "fr": r"\bans\b|anniv|\bn[ée]e?\b|bac|promo",
    }.items()
}
"""What a caption holds that any rule of a language could match; most captions are done with four looks."""
