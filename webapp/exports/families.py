"""What the columns say: those of every campaign, and those of each question and answer."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inference.formats.question import Question
from webapp.exports.column import Column, Kind

# What a bit of the column quality says; a galaxy without any is as it should be.
QUALITY = {
    1: "its position is not known",
    2: "somebody reported its picture",
    4: "a fifth or more of its pixels have no value",
    8: "it retired as an artifact",
    16: "its set left the campaign",
    32: "nobody has classified it",
    64: "no network has seen it",
    128: "experts answered it: its votes also taught and tested volunteers",
}


class Of(StrEnum):
    """What a family has one column for."""

    QUESTION = "question"
    ANSWER = "answer"


@dataclass(frozen=True)
class Family:
    """Columns that say the same of every question, or of every answer.

    Attributes:
        form: of their names; gz_form: of Galaxy Zoo's, whose own part comes with its campaign.
        words: their description, with "{}" for the question or answer.
    """

    key: str
    of: Of
    form: str
    kind: Kind
    words: str
    group: str
    gz_form: str = ""
    ucd: str = ""
    null: str = ""
    low: float | None = 0
    high: float | None = None
    display: str = "F8.5"
    is_before_model: bool = True

    def column(
        self, text: str, *, about: str, gz_name: str, question: Question, answer: int | None = None
    ) -> Column:
        """Return the column of one question, or of one answer to it."""
        return Column(
            name=self.form.format(text),
            kind=self.kind,
            description=self.words.format(about),
            ucd=self.ucd,
            null=self.null,
            low=self.low,
            high=self.high,
            display=self.display,
            gz_name=gz_name,
            group=self.group,
            family=self.key,
            question=question.index,
            answer=answer,
            n_choices=len(question.answers) if question.is_single else 0,
        )


_UNASKED = "NaN where nobody was asked"
_UNKNOWN = "NaN where neither people nor a network say anything"
_SILENT = "NaN where no network has seen the galaxy"
_SHARE = "stat.probability"

_GALAXY, _PEOPLE, _BELIEF, _NETWORK, _STATUS = "galaxy", "people", "belief", "network", "status"


def _share(key: str, form: str, words: str, *, group: str, null: str, gz_form: str = "") -> Family:
    return Family(
        key=key, of=Of.ANSWER, form=form, kind=Kind.FLOAT32, words=words, group=group,
        gz_form=gz_form, ucd=_SHARE, null=null, high=1,
    )  # fmt: skip


TREE_FAMILIES = (
    Family(
        key="n_votes", of=Of.QUESTION, form="n_votes_{}", gz_form="{}_total-votes",
        kind=Kind.INT32, words="People who were asked {}.", group=_PEOPLE, ucd="meta.number",
        display="I8",
    ),
    Family(
        key="votes", of=Of.ANSWER, form="votes_{}", gz_form="{}", kind=Kind.INT32,
        words="People who answered {}.", group=_PEOPLE, ucd="meta.number", display="I8",
    ),
    Family(
        key="frac", of=Of.ANSWER, form="frac_{}", gz_form="{}_fraction", kind=Kind.FLOAT64,
        words="Share of the people asked who answered {}.", group=_PEOPLE, ucd=_SHARE,
        null=_UNASKED, high=1,
    ),
    _share(
        "frac_lo", "frac_{}_lo", "Lower end of the 95 % Wilson interval of the share of {}.",
        group=_PEOPLE, null=_UNASKED,
    ),
    _share(
        "frac_hi", "frac_{}_hi", "Upper end of the 95 % Wilson interval of the share of {}.",
        group=_PEOPLE, null=_UNASKED,
    ),
    _share(
        "wfrac", "wfrac_{}", "Share of the people asked who answered {}, by their weights.",
        group=_PEOPLE, null="NaN where nobody of any weight was asked",
        gz_form="{}_weighted_fraction",
    ),
    _share(
        "post", "post_{}", "Expected share of {}, from the network and the weighted votes.",
        group=_BELIEF, null=_UNKNOWN,
    ),
    _share(
        "post_lo", "post_{}_lo", "Lower end of the 90 % interval of the expected share of {}.",
        group=_BELIEF, null=_UNKNOWN,
    ),
    _share(
        "post_hi", "post_{}_hi", "Upper end of the 90 % interval of the expected share of {}.",
        group=_BELIEF, null=_UNKNOWN,
    ),
    Family(
        key="asked", of=Of.QUESTION, form="asked_{}", gz_form="{}_proportion_volunteers_asked",
        kind=Kind.FLOAT32, words="Expected share of volunteers who are asked {}.", group=_BELIEF,
        ucd=_SHARE, null=_UNKNOWN, high=1,
    ),
    Family(
        key="lead", of=Of.QUESTION, form="lead_{}", gz_form="{}_prediction", kind=Kind.TEXT,
        words="Key of the answer with the highest expected share to {}; of a multiple choice only "
        "if most people give it.",
        group=_BELIEF, ucd="src.morph.type", null='"" where no answer leads', low=None,
        display="A24",
    ),
    _share(
        "ml", "p_{}_ml", "Share of {} that the network alone expects.",
        group=_NETWORK, null=_SILENT,
    ),
    Family(
        key="agree", of=Of.QUESTION, form="agree_{}", kind=Kind.INT16,
        words="1 if people and the network have the same leading answer to {}, else 0.",
        group=_NETWORK, ucd="meta.code", null="-1 where one of the two has none", low=-1, high=1,
        display="I2", is_before_model=False,
    ),
)  # fmt: skip

DEBIASED = (
    Family(
        key="debiased", of=Of.ANSWER, form="debiased_{}", gz_form="{}_debiased",
        kind=Kind.FLOAT32, words="Share of the people asked who answered {}, as it would be at "
        "low redshift: for populations, not for single galaxies.",
        group="debiased", ucd=_SHARE, null="NaN where it cannot be told", high=1,
        is_before_model=False,
    ),
)  # fmt: skip

FIRST = (
    Column(
        "source_id", Kind.INT64, "This site's number of the galaxy, for ever.",
        ucd="meta.id;meta.main", ucd1="ID_MAIN", low=1, display="I19",
        group=_GALAXY, family="source_id",
    ),
    Column(
        "survey_id", Kind.TEXT, "The survey's name of the galaxy, unique in its set.",
        ucd="meta.id", display="A24", gz_name="id_str", group=_GALAXY, family="survey_id",
    ),
    Column(
        "iau_name", Kind.TEXT, "Name made of the position, cut off and not rounded, as IAU asks.",
        ucd="meta.id", null='"" where the position is not known', display="A19", gz_name="iauname",
        group=_GALAXY, family="iau_name",
    ),
    Column(
        "ra", Kind.FLOAT64, "Right ascension, ICRS.", unit="deg", ucd="pos.eq.ra;meta.main",
        ucd1="POS_EQ_RA_MAIN", null="NaN where the position is not known", low=0, high=360,
        display="F11.7", group=_GALAXY, family="ra",
    ),
    Column(
        "dec", Kind.FLOAT64, "Declination, ICRS.", unit="deg", ucd="pos.eq.dec;meta.main",
        ucd1="POS_EQ_DEC_MAIN", null="NaN where the position is not known", low=-90, high=90,
        display="F11.7", group=_GALAXY, family="dec",
    ),
    Column(
        "survey", Kind.TEXT, "The set that the galaxy came in with.", ucd="meta.dataset",
        display="A24", group=_GALAXY, family="survey",
    ),
    Column(
        "n_classifications", Kind.INT32, "Classifications that count.", ucd="meta.number", low=0,
        display="I8", group=_PEOPLE, family="n_classifications",
    ),
)  # fmt: skip

MIDDLE = (
    Column(
        "ml_model", Kind.TEXT, "The network that was asked: the first 8 digits of its SHA-256.",
        ucd="meta.version;meta.modelled", null='"" where no network has seen the galaxy',
        display="A8", group=_NETWORK, family="ml_model",
    ),
)  # fmt: skip

LAST = (
    Column(
        "tree", Kind.TEXT, "The decision tree: the first 8 digits of its SHA-256.",
        ucd="meta.version", display="A8", group=_STATUS, family="tree",
    ),
    Column(
        "retired_at", Kind.INSTANT, "When it was known well enough to be shown no more, UTC.",
        ucd="time.end", null='"" while it is still shown', display="A27",
        group=_STATUS, family="retired_at",
    ),
    Column(
        "retired_reason", Kind.TEXT,
        "Why it is no longer shown: count, certain, artifact or withdrawn.",
        ucd="meta.code.status", null='"" while it is still shown', display="A10",
        group=_STATUS, family="retired_reason",
    ),
    Column(
        "n_flags", Kind.INT32, "Reports that somebody should look at its picture.",
        ucd="meta.number", low=0, display="I8", group=_STATUS, family="n_flags",
    ),
    Column(
        "data_release", Kind.TEXT, "The release that the row is of.", ucd="meta.version",
        null='"" outside a release', display="A16", group=_STATUS,
        family="data_release",
    ),
    Column(
        "quality", Kind.INT32,
        "Sum of what should be known before the row is used, 0 if nothing: "
        + ", ".join(f"{bit}: {words}" for bit, words in QUALITY.items()) + ".",
        ucd="meta.code.qual", low=0, high=sum(QUALITY), display="I5",
        group=_STATUS, family="quality",
    ),
)  # fmt: skip


def _vote(name: str, kind: Kind, description: str, **more: Any) -> Column:
    return Column(name, kind, description, group="votes", family=name, **more)


OF_VOTES = (
    _vote(
        "classification", Kind.TEXT, "UUID of the walk that the answer is part of.",
        ucd="meta.id", display="A36",
    ),
    _vote(
        "volunteer", Kind.TEXT, "Pseudonym of who answered, the same in all files of a campaign.",
        ucd="meta.id", display="A24",
    ),
    _vote(
        "source_id", Kind.INT64, "This site's number of the galaxy, for ever.",
        ucd="meta.id;meta.main", ucd1="ID_MAIN", low=1, display="I19",
    ),
    _vote(
        "survey_id", Kind.TEXT, "The survey's name of the galaxy, unique in its set.",
        ucd="meta.id", display="A24",
    ),
    _vote(
        "tree", Kind.TEXT, "The decision tree answered: the first 8 digits of its SHA-256.",
        ucd="meta.version", display="A8",
    ),
    _vote("question", Kind.TEXT, "Key of the question.", ucd="meta.code", display="A24"),
    _vote(
        "answer", Kind.TEXT, "Key of the answer.", ucd="meta.code", display="A24",
        null='"" where nothing was chosen of a multiple choice',
    ),
    _vote(
        "answered_at", Kind.INSTANT, "When the answer reached the site, UTC.",
        ucd="time.creation", display="A27",
    ),
    _vote(
        "weight", Kind.FLOAT32, "What it counts, by the volunteer's skill.", ucd="stat.weight",
        low=0, high=1, display="F8.5",
    ),
    _vote(
        "counted", Kind.INT16, "1 if it is in the catalog's numbers, else 0.", ucd="meta.code",
        low=0, high=1, display="I2",
    ),
    _vote(
        "reason", Kind.TEXT, "Why it does not count, in one word.", ucd="meta.code.status",
        null='"" where it counts', display="A10",
    ),
    _vote(
        "superseded", Kind.INT16, "1 if the volunteer gave a later answer instead, else 0.",
        ucd="meta.code", low=0, high=1, display="I2",
    ),
    _vote(
        "stream", Kind.TEXT, "Why the galaxy was shown: the stream that it was drawn from.",
        ucd="meta.code", display="A10",
    ),
    _vote(
        "score", Kind.FLOAT64, "Its sort key in that stream at that moment.", ucd="meta.code",
        null="NaN where the stream has none", low=-1e9, high=1e9, display="G14.7",
    ),
    _vote(
        "model", Kind.TEXT, "The network in use at that moment: 8 digits of its SHA-256.",
        ucd="meta.version;meta.modelled", null='"" where there was none', display="A8",
    ),
    _vote(
        "picture_view", Kind.TEXT,
        "What was changed of how the picture is shown, as JSON; {} is nothing.",
        ucd="meta.note", null='"" where the page did not say', display="A64",
    ),
)  # fmt: skip
