"""Words that many tables have: answers, sexes, days, states, grades.

They are public, so each can have a cell of a histogram of open categories, whether or not a row has it. Its noisy
count is released without a threshold, and tells a word of 120 rows where a threshold would ask for 300. Every function
here is post-processing of public facts or released counts; none sees a row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tabgan.columns.occupied import LIKELY, SEEN, SURELY

#: Noise standard deviations that a word needs at least whose set the column has: among words that no row has, noise
#: passes it once in forty.
DOUBTFUL = 2.0

#: Words that occur together, each line a set, in lower case; ``/`` parts them, because some have blanks.
_SETS = """
no/yes
n/y
false/true
f/t
female/male
f/m
man/woman
men/women
boy/girl
negative/positive
neg/pos
absent/present
abnormal/normal
alive/dead
benign/malignant
nonsmoker/smoker
non-smoker/smoker
current/former/never
never/rarely/sometimes/often/always
high/low/medium
high/low/moderate
high/low
large/medium/small
l/m/s
mild/moderate/none/severe
excellent/fair/good/poor/very good
bad/good
agree/disagree/neutral/strongly agree/strongly disagree
divorced/married/separated/single/widowed
divorced/married/never married/separated/widowed
married/single
married/not married
low/not low
not white/white
hispanic/not hispanic
asian/black/hispanic/other/white
nonwhite/white
rural/suburban/urban
control/treated
control/treatment
drug/placebo
after/before
post/pre
left/right
in/out
off/on
down/up
closed/open
fail/pass
loss/win
l/w
d/l/w
away/home
private/public
full-time/part-time
employed/retired/student/unemployed
new/used
automatic/manual
diesel/electric/gas/hybrid/petrol
cash/credit/debit
first/second/third
1st/2nd/3rd
1/2
0/1/2/3/4/5/6/7/8/9
i/ii/iii/iv/v
a/b/c/d/e/f
a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z
am/pm
mon/tue/wed/thu/fri/sat/sun
monday/tuesday/wednesday/thursday/friday/saturday/sunday
weekday/weekend
jan/feb/mar/apr/may/jun/jul/aug/sep/oct/nov/dec
january/february/march/april/may/june/july/august/september/october/november/december
spring/summer/autumn/winter
spring/summer/fall/winter
east/north/south/west
e/n/s/w
midwest/northeast/south/west
midwest/northeast/southeast/southwest/west
africa/americas/asia/europe/oceania
africa/antarctica/asia/europe/north america/oceania/south america
conservative/labour
democrat/independent/republican
democratic/republican
al/ak/az/ar/ca/co/ct/dc/de/fl/ga/hi/id/il/in/ia/ks/ky/la/me/md/ma/mi/mn/ms/mo/mt/ne/nv/nh/nj/nm/ny/nc/nd/oh/ok/\
or/pa/ri/sc/sd/tn/tx/ut/vt/va/wa/wv/wi/wy
alabama/alaska/arizona/arkansas/california/colorado/connecticut/delaware/florida/georgia/hawaii/idaho/illinois/\
indiana/iowa/kansas/kentucky/louisiana/maine/maryland/massachusetts/michigan/minnesota/mississippi/missouri/\
montana/nebraska/nevada/new hampshire/new jersey/new mexico/new york/north carolina/north dakota/ohio/oklahoma/\
oregon/pennsylvania/rhode island/south carolina/south dakota/tennessee/texas/utah/vermont/virginia/washington/\
west virginia/wisconsin/wyoming
ab/bc/mb/nb/nl/ns/nt/nu/on/pe/qc/sk/yt
"""


def _forms(line: str) -> set[tuple[str, ...]]:
    words = line.split("/")
    return {tuple(map(form, words)) for form in (str, str.capitalize, str.title, str.upper)}


#: Sets of words in each way to write them: lower case, a capital at the start, or at each start, capitals.
FAMILIES = sorted(set().union(*(_forms(line) for line in _SETS.split("\n") if line)))

#: Every word once, sorted.
WORDS = tuple(sorted(set().union(*FAMILIES)))

_PLACES = {word: place for place, word in enumerate(WORDS)}
_MEMBERS = [np.array([_PLACES[word] for word in family]) for family in FAMILIES]


@dataclass(frozen=True)
class _Seen:
    """A set of words that a column has.

    Attributes:
        members: ``(size,)`` places of its words in :data:`WORDS`.
        likely: Places of those that are likely.
        most: The count of the most frequent of the others.
    """

    members: np.ndarray
    likely: frozenset[int]
    most: float

    def needs(self, others: Sequence[_Seen]) -> float:
        """Return the noise standard deviations from which on a word of the set counts.

        ``DOUBTFUL``, and as many as noise alone would bring up among as many words. More where another set explains
        the likely words as well: more of them, none but them, or a more frequent word beside them.
        """
        least = max(DOUBTFUL, math.sqrt(2 * math.log(len(self.members))))
        for other in others:
            if self.likely < other.likely:
                return SURELY
            if self.likely == other.likely and (
                len(other.members) == len(other.likely) or other.most > self.most
            ):
                least = LIKELY
        return least


def are_found(counts: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return ``(words,)`` true for the words that a column has, as far as their noisy counts tell.

    A word alone does if it stands out for certain. A set of words is a column's if these stand above the noise without
    the most frequent of them: of a pair either word is enough, but two letters are no alphabet.

    Args:
        counts: ``(words,)`` noisy counts of :data:`WORDS`.
        noise_stddev: Of each.
    """
    seen = []
    for members in _MEMBERS:
        own, size = counts[members], len(members)
        rest = np.sort(own)[: size + 1 - math.ceil(math.sqrt(size) / 2)]
        if max(rest[-1], rest.sum() / math.sqrt(len(rest))) > SEEN * noise_stddev:
            is_likely = own > LIKELY * noise_stddev
            most = float(own[~is_likely].max(initial=-math.inf))
            seen.append(_Seen(members, frozenset(members[is_likely].tolist()), most))
    found = counts > SEEN * noise_stddev
    for each in seen:
        found[each.members] |= counts[each.members] > each.needs(seen) * noise_stddev
    return found
