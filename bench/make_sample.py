"""Make the synthetic sample in data/sample/: accounts, captions and labels, all invented here.

    python -m bench.make_sample

The same seed gives the same files. No caption is anybody's: each is put together from the phrases
below. Topics and manner of writing shift with the age, so that a classifier has something to learn,
but softly and with accounts that write like others' age, so that it cannot be perfect.
"""

import csv
import math
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.settings import SAMPLE_DIR

SEED = 21
LATEST = datetime(2026, 11, 1, tzinfo=UTC)
UNLIKE_THEIR_AGE = 0.12
ROUNDS = 7  # accounts of each name: so many that a test part of them tells a model's errors
POSTS = (8, 24)
SILENT = {True: 4, False: 4}  # by whether under 21
UNLABELLED = {True: 28, False: 52}

NAMES = re.findall(
    r"\w+",
    """
    ada ben cleo dov esra finn gita hugo ines jonas kaya liam mara nils olga pablo quinn rosa sven tara ugo vera wim
    xenia yara zeno alba bruno carla dina emil freya goran hana ivo jule kofi lena milo nora oskar pia rafa sami tess
    ulla vito wanda yusuf zora amos bela cyra dario elif fedor greta hilde iman jara
    """,
)

UNDER_21 = [13, 14, 14, 15, 15, 16, 16, 16, *[17] * 4, *[18] * 5, *[19] * 5, *[20] * 6]
FROM_21 = [*[21] * 4, 22, 22, 22, 23, 23, 23, 24, 24, 24, *range(25, 30), 31, 32, 34, 36, 38, 40, 42, 44, 47]
FROM_21 += [49, 52, 55, 58, 63]


@dataclass(frozen=True)
class Topic:
    """What people write about, and at which age most.

    Attributes:
        peak: age at which it is most frequent; None where age makes no difference.
        width: years on both sides of the peak within which it stays frequent.
        weight: how frequent it is at its peak.
        templates: captions with ``{slots}``.
        slots: what may stand in them.
    """

    peak: float | None
    width: float
    weight: float
    templates: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]

    def weight_at(self, age: float) -> float:
        """How often an account of this age writes about it, relative to other topics."""
        if self.peak is None:
            return self.weight
        return self.weight * math.exp(-(((age - self.peak) / self.width) ** 2)) + 0.08


TOPICS = (
    Topic(
        15.0,
        3.5,
        2.2,
        (
            "{subject} test tomorrow and i know nothing",
            "who else has {teacher} for {subject}",
            "last day of {grade} grade, bye {place}",
            "school play was amazing, proud of us",
            "homework can wait, {hobby} first",
            "no school tomorrow, {mood}",
            "{subject} class is so long",
            "my mom said i can go to {event}",
            "waiting for the bus with {friends}",
            "{grade} grade photo dump",
            "locker finally decorated",
            "when {teacher} forgets the quiz",
        ),
        {
            "subject": ("math", "bio", "french", "history", "geography", "chem"),
            "teacher": ("mr k", "ms arden", "mr olsen", "the new sub"),
            "grade": ("8th", "9th", "10th", "11th"),
            "place": ("middle school", "lockers", "cafeteria food", "room 114"),
            "hobby": ("volleyball", "drawing", "skating", "band practice", "blocks and dragons"),
            "mood": ("finally", "best feeling", "snow day", "sleeping till noon"),
            "event": ("the fair", "the concert", "mia's sleepover", "the mall"),
            "friends": ("my besties", "the squad", "my cousin", "these two"),
        },
    ),
    Topic(
        17.5,
        2.2,
        1.6,
        (
            "driving lesson number {number}, nobody got hurt",
            "prom {what}",
            "senior year {what}",
            "got my license, watch out {where}",
            "college applications are eating my {time}",
            "graduation is in {number} weeks what",
            "last first day of school",
            "shift at the {job} till {number}, then {plan}",
        ),
        {
            "number": ("3", "4", "6", "8", "10"),
            "what": ("dress is here", "photos", "was a dream", "with my favorites", "committee survived"),
            "where": ("everyone", "mailboxes", "main street"),
            "time": ("brain", "weekend", "life"),
            "job": ("ice cream stand", "cinema", "bakery", "pool"),
            "plan": ("movies", "sleep", "bonfire"),
        },
    ),
    Topic(
        20.5,
        2.5,
        2.2,
        (
            "dorm room finally feels like {feeling}",
            "finals week: {count} coffees, {count} pages left",
            "library till midnight again with {friends}",
            "lecture at 8 am should be forbidden",
            "roommate made {food}, we survived",
            "semester {abroad} starts now",
            "my {course} paper is done, goodbye",
            "first week on campus",
            "intramural {sport} champions, sort of",
            "laundry day in the dorm, pray for my {thing}",
        ),
        {
            "feeling": ("home", "mine", "a place to sleep"),
            "count": ("four", "seven", "eleven", "nine"),
            "friends": ("the study group", "my lab partner", "energy drinks"),
            "food": ("pancakes", "instant noodles deluxe", "curry"),
            "abroad": ("abroad", "in lisbon", "number three", "at the lab"),
            "course": ("sociology", "statistics", "art history", "organic chemistry"),
            "sport": ("frisbee", "dodgeball", "futsal"),
            "thing": ("white shirts", "sweater", "last socks"),
        },
    ),
    Topic(
        24.5,
        4.0,
        1.8,
        (
            "first {what} of the new job",
            "signed the lease, we have {thing}!",
            "birthday drinks with {friends}, {mood}",
            "brunch and {drink}, as one does",
            "wine tasting with {friends}",
            "my cv is longer than my savings",
            "moved to {city}, send furniture",
            "internship done, {mood}",
            "rooftop bar season",
            "cheers to {number} years of friendship",
            "adulting: bought a {object}",
        ),
        {
            "what": ("week", "paycheck", "business trip", "presentation"),
            "thing": ("a balcony", "keys", "a dishwasher"),
            "friends": ("the old crew", "colleagues", "my sister", "the girls", "the boys"),
            "mood": ("no regrets", "a bit of regret", "thank you all", "so grateful"),
            "drink": ("mimosas", "flat whites", "a spritz"),
            "city": ("a new city", "the coast", "the big city"),
            "number": ("five", "seven", "ten"),
            "object": ("vacuum cleaner", "proper mattress", "plant that lives", "tax folder"),
        },
    ),
    Topic(
        36.0,
        8.0,
        2.4,
        (
            "{child} {did} today and I am not crying.",
            "Back from the office, {chore} still waiting.",
            "Parent evening at the kindergarten, {mood}.",
            "Our {number} anniversary. Still laughing.",
            "Kitchen renovation, week {number}. {mood}.",
            "{child} lost a tooth!",
            "Team offsite with wonderful colleagues.",
            "Bedtime story number {number}, eyes closing (mine).",
            "We finally finished the {room}.",
            "Sunday pancakes for the whole {family}.",
        ),
        {
            "child": ("My son", "Our daughter", "The little one", "My eldest"),
            "did": ("learned to ride a bike", "started school", "slept through the night", "cooked dinner for us"),
            "chore": ("the laundry is", "the garden is", "three lunch boxes are"),
            "mood": ("Send coffee", "Worth it", "We are tired and happy", "Never again"),
            "number": ("third", "fifth", "eighth", "tenth"),
            "room": ("nursery", "bathroom", "garden shed", "mortgage paperwork"),
            "family": ("family", "house", "football team"),
        },
    ),
    Topic(
        55.0,
        11.0,
        2.4,
        (
            "A quiet morning in the {place}.",
            "{family} came to visit. What a joy.",
            "Thirty years of teaching, and still {feeling}.",
            "Our choir sang in {where} last night.",
            "The {plant} are blooming early this year.",
            "Reunion with friends from university, {number} years later.",
            "First grandchild! Words fail me.",
            "Walked {number} kilometres with the hiking club.",
            "Remembering my father today.",
            "The knees complain, the view does not.",
        ),
        {
            "place": ("garden", "vineyard", "mountains", "workshop"),
            "family": ("The children", "My brother and his wife", "The grandchildren"),
            "feeling": ("curious", "nervous on the first day", "learning"),
            "where": ("the old church", "the town hall", "the park"),
            "plant": ("roses", "peonies", "apple trees", "tulips"),
            "number": ("twelve", "thirty", "twenty-five", "eighteen"),
        },
    ),
    Topic(
        None,
        0,
        2.6,
        (
            "{weather} at the {place}",
            "weekend {mood}",
            "that {time} light",
            "{food} for {meal}",
            "{pet} is judging me",
            "new {thing}, who noticed",
            "{place} day with {who}",
            "listening to {music} on repeat",
            "running slowly but running, {distance} km",
            "found this {thing} at the flea market",
            "{who} made me do it",
            "train delayed, book open",
            "rainy day, {food} and a film",
            "take me back to the {place}",
        ),
        {
            "weather": ("sunshine", "fog", "rain again", "wind", "first snow"),
            "place": ("beach", "lake", "forest", "old town", "museum", "market", "river"),
            "mood": ("mood", "plans: none", "at last", "reset"),
            "time": ("morning", "evening", "autumn", "golden"),
            "food": ("ramen", "soup", "pizza", "dumplings", "cinnamon rolls", "tacos"),
            "meal": ("lunch", "dinner", "breakfast", "one"),
            "pet": ("the cat", "this dog", "my hamster", "the neighbour's cat"),
            "thing": ("haircut", "bike", "jacket", "lamp", "glasses", "poster"),
            "who": ("my favorites", "my brother", "an old friend", "the dog"),
            "music": ("the new album", "the same song", "jazz", "my running playlist"),
            "distance": ("3", "5", "8", "10", "21"),
        },
    ),
)

OTHER_LANGUAGES: dict[str, dict[bool, tuple[str, ...]]] = {
    # by whether the person is about 21 or older
    "es": {
        False: ("mañana examen y no sé nada", "con mis amigas del cole", "por fin viernes", "tarde de playa"),
        True: ("domingo en familia", "por fin vacaciones del trabajo", "tarde de playa", "mi hija ya camina"),
    },
    "de": {
        False: ("morgen mathe, hilfe", "klassenfahrt war mega", "endlich ferien", "sonne am see"),
        True: ("Feierabend!", "Endlich Urlaub.", "Elternabend überstanden", "Sonne am See", "Unser Garten im Herbst"),
    },
    "fr": {
        False: ("plus que deux semaines avant le bac", "soirée pyjama", "enfin les vacances", "trop bien ce concert"),
        True: ("Week-end en famille", "Premier jour au bureau", "Un verre en terrasse", "Enfin les vacances"),
    },
    "nl": {
        False: ("toetsweek is voorbij", "gezellig met de klas", "zonnetje aan zee", "eindelijk vakantie"),
        True: ("Borrel met collega's", "Zondag met de kinderen", "zonnetje aan zee", "Verhuizen is klaar"),
    },
}

EMOJI_YOUNG = ("😭", "💀", "✨", "🥹", "😍", "🔥", "🫶", "🤪", "💕", "🏐", "🎮")
EMOJI_OLDER = ("😊", "❤️", "🌷", "☀️", "🍷", "👍", "🙏", "🌿", "🥂")
EMOJI_ALL = ("🌊", "🌅", "🐶", "🍕", "🎶", "📸", "☕")
SLANG = ("omg", "ngl", "fr", "lol", "literally", "idk", "tbh", "bruh", "lowkey")
TAGS_YOUNG = ("#bestie", "#fyp", "#schoollife", "#ootd", "#bffs", "#foryou")
TAGS_OLDER = ("#familytime", "#homesweethome", "#worklife", "#wineoclock", "#gardening", "#parenting", "#grateful")
TAGS_ALL = ("#tbt", "#sunset", "#nofilter", "#weekend", "#foodie", "#nature", "#dogsofinstagram", "#travel")
SHORT = ("#tbt", "😍", "❤️", "mood", "☀️", "🌊", "no caption needed", "sunday", "🔥🔥🔥", "✨", "home", "finally")


@dataclass(frozen=True)
class Person:
    """An invented account holder.

    Attributes:
        manner: the age that the account writes like; not always its own.
    """

    username: str
    age: int
    manner: float
    gender: str
    language: str


def people(rng: random.Random) -> list[Person]:
    """The account holders, in an order that tells nothing of their ages."""
    ages = (UNDER_21 + FROM_21) * ROUNDS
    rng.shuffle(ages)
    found = []
    for number, (name, age) in enumerate(zip(NAMES * ROUNDS, ages, strict=True), start=1):
        manner = rng.choice(ages) if rng.random() < UNLIKE_THEIR_AGE else age + rng.gauss(0, 1.5)
        language = rng.choice(["en"] * 8 + list(OTHER_LANGUAGES))
        found.append(Person(f"sample_{name}_{number:02}", age, manner, rng.choice("fmfmx"), language))
    return found


def caption(person: Person, rng: random.Random) -> str:
    """One caption of a person."""
    if rng.random() < 0.15:
        return rng.choice(SHORT)
    if person.language != "en" and rng.random() < 0.5:
        text = rng.choice(OTHER_LANGUAGES[person.language][person.manner >= 20.5])
    else:
        topic = rng.choices(TOPICS, [topic.weight_at(person.manner) for topic in TOPICS])[0]
        text = _filled(rng.choice(topic.templates), topic.slots, rng)
    return _in_the_manner_of(person.manner, text, rng)


def _filled(template: str, slots: dict[str, tuple[str, ...]], rng: random.Random) -> str:
    return re.sub(r"\{(\w+)\}", lambda slot: rng.choice(slots[slot[1]]), template)


def _in_the_manner_of(age: float, text: str, rng: random.Random) -> str:
    """Letter case, slang, emoji and hashtags as people of this age more or less use them."""
    young = 1 / (1 + math.exp((age - 21.5) / 3.5))
    if rng.random() < young * 0.25:
        text = f"{rng.choice(SLANG)} {text}" if rng.random() < 0.6 else f"{text} {rng.choice(SLANG)}"
    text = text.lower() if rng.random() < 0.3 + 0.5 * young else text[0].upper() + text[1:]
    if rng.random() < 0.25 + 0.3 * young:
        kind = rng.choices((EMOJI_YOUNG, EMOJI_OLDER, EMOJI_ALL), (young, 1 - young, 0.7))[0]
        text += " " + rng.choice(kind) * rng.choice((1, 1, 1, 2, 3))
    if rng.random() < 0.3:
        kinds = rng.choices((TAGS_YOUNG, TAGS_OLDER, TAGS_ALL), (young, 1 - young, 1.2), k=rng.choice((1, 1, 2, 3)))
        text += " " + " ".join(rng.choice(kind) for kind in kinds)
    return text


def posts(person: Person, rng: random.Random) -> list[dict[str, object]]:
    """Some posts of a person, newest first."""
    moment = LATEST - timedelta(minutes=rng.randrange(30_000))
    rows = []
    for number in range(rng.randint(*POSTS), 0, -1):
        rows.append(
            {
                "username": person.username,
                "id": f"{person.username}_{number:02}",
                "taken_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "caption": caption(person, rng),
                "likes": int(rng.lognormvariate(3, 1)),
                "comments": int(rng.lognormvariate(0.7, 1)),
            }
        )
        moment -= timedelta(minutes=int(rng.expovariate(1 / 14_000)) + 20)
    return rows


def main(folder: Path = SAMPLE_DIR) -> None:
    """Write the sample's three tables."""
    rng = random.Random(SEED)
    everybody = people(rng)
    silent = _chosen(everybody, SILENT, rng)
    speaking = [person for person in everybody if person.username not in silent]
    unlabelled = _chosen(speaking, UNLABELLED, rng)
    _write(folder / "users.csv", ({"username": person.username} for person in everybody))
    _write(
        folder / "labels.csv",
        (
            {"username": person.username, "age": person.age, "gender": person.gender, "language": person.language}
            for person in everybody
            if person.username not in unlabelled
        ),
    )
    _write(folder / "posts.csv", (row for person in speaking for row in posts(person, rng)))


def _chosen(everybody: Iterable[Person], counts: dict[bool, int], rng: random.Random) -> set[str]:
    """So many names from each side of 21."""
    sides = {under: [person for person in everybody if (person.age < 21) == under] for under in counts}
    return {person.username for under, count in counts.items() for person in rng.sample(sides[under], count)}


def _write(path: Path, rows: Iterable[dict[str, object]]) -> None:
    listed = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, listed[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)


if __name__ == "__main__":
    main()
