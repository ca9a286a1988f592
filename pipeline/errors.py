"""Every error Convoy raises on purpose, as one tree; each class stands for one remedy and has a heading in docs/errors.md.

ConvoyError
├── ConfigError (exit 2)
│   ├── UnreadableYaml E201     ├── UnknownKey E202           ├── WrongValue E203
│   ├── MissingKey E204         ├── BadRange E205             ├── UnknownHyperparameter E206
│   ├── DoesNotFit E207         ├── UnreachableCondition E208 ├── ImageTooSmall E209
│   ├── BatchTooLarge E210      ├── UnknownName E211          ├── MissingFile E212
│   ├── StepNotExportable E213  ├── MixedCopies E216          ├── OverLimit E217
│   ├── NotExportable E218      ├── TreeTooLarge E219         └── NetworkFile E220
├── DataError (exit 3)
│   ├── UnreadableImages E301   ├── NoImages E302             ├── OneClass E303
│   ├── EmptyClass E304         ├── ClassTooSmall E305        ├── SourceMissing E306
│   ├── ImageRefused E307       ├── DownloadFailed E310       ├── ManifestBroken E311
│   ├── SetBroken E312          ├── TwinNames E313            ├── ContradictoryLabels E314
│   ├── SimilarLabels E315      ├── ClusterTooLarge E320      └── TooManyFolds E321
├── TrackingError (exit 4)
│   ├── TrackingUnreachable E401 └── ModelNotFound E402
├── StudyUnreachable E410 (exit 4)
├── SearchFailed (exit 5)
│   ├── TrialsFail E501         ├── NothingFits E502          ├── NoTrialFinished E503
│   ├── RefitDiverged E504      └── ReselectionFailed E505
├── StudyBusy E601 (exit 6)
├── IntegrityError (exit 7)
│   ├── DigestMismatch E701     ├── StageOutOfDate E702       ├── CertificateBroken E703
│   ├── ExportDiffers E704      ├── NotRebuildable E705       ├── RebuildDiffers E706
│   └── StudyLost E707
├── DiskError (exit 8)
│   ├── DiskFull E801           └── DiskBroken E802
├── SecurityRefusal E901 (exit 9)
├── Unsuitable (exit 10)
│   ├── ResourcesMissing E001   ├── ClusterUnreachable E002   ├── OtherVersion E003
│   ├── NotShared E004          └── CannotListen E006
├── SearchStuck E005 (exit 10)
├── JobFailed E111 (exit 11)
├── Unexpected E000 (exit 1)
├── Interrupted E130 (exit 130, 143 or 129)
└── Problems: several of the above at once, the exit code of the first
"""

from __future__ import annotations

from collections.abc import Sequence

MESSAGE_LIMIT = 200  # characters; a message stays one line on a terminal
PLACE_LIMIT = 80  # characters of a message; the end of a long path says more than its beginning


class ConvoyError(Exception):
    """One line that teaches: `E### <what> at <where> — <why> — <remedy>`.

    what: the rule or the thing concerned; where: file:line:column, key or trial (may be empty);
    why: the offending value and the rule it breaks; remedy: what to do, or the valid names.
    """

    code = "E000"
    exit_code = 1

    def __init__(self, what: str, *, why: str, remedy: str, where: str = "") -> None:
        self.what, self.where, self.why, self.remedy = what, where, why, remedy
        super().__init__(what, where, why, remedy)

    def __str__(self) -> str:
        where = self.where if len(self.where) <= PLACE_LIMIT else f"…{self.where[1 - PLACE_LIMIT :]}"
        place = f" at {where}" if where else ""
        head, why, remedy = (" ".join(part.split()) for part in (f"{self.code} {self.what}{place}", self.why, self.remedy))
        room = MESSAGE_LIMIT - len(f"{head} —  — {remedy}")
        if len(why) > room:  # the remedy stays whole as long as it can
            why = why[: max(0, room - 1)] + "…"
        return f"{head} — {why} — {remedy}"[:MESSAGE_LIMIT]

    def record(self) -> dict[str, str]:
        """For a script."""
        return {"code": self.code, "what": self.what, "where": self.where, "why": self.why, "remedy": self.remedy}

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.why, self.remedy))


def _rebuild(kind: type[ConvoyError], what: str, where: str, why: str, remedy: str) -> ConvoyError:
    return kind(what, where=where, why=why, remedy=remedy)


class ConfigError(ConvoyError):
    """params.yaml or a search space says something that cannot be meant."""

    code, exit_code = "E200", 2


class UnreadableYaml(ConfigError):
    """The file is not valid YAML: broken syntax or a key given twice."""

    code = "E201"


class UnknownKey(ConfigError):
    """A key that nothing reads."""

    code = "E202"


class WrongValue(ConfigError):
    """A value of the wrong type or outside its limits."""

    code = "E203"


class MissingKey(ConfigError):
    """A key that is needed and has no default."""

    code = "E204"


class BadRange(ConfigError):
    """A range that holds nothing: low > high, log of zero, a step wider than the range, no choices."""

    code = "E205"


class UnknownHyperparameter(ConfigError):
    """A hyperparameter that neither the model family nor the training knows."""

    code = "E206"


class DoesNotFit(ConfigError):
    """A network whose layers do not fit the image."""

    code = "E207"


class UnreachableCondition(ConfigError):
    """A `when:` that can never hold."""

    code = "E208"


class ImageTooSmall(ConfigError):
    """The images are smaller than the smallest the search space was written for."""

    code = "E209"


class BatchTooLarge(ConfigError):
    """A batch size larger than the train split."""

    code = "E210"


class UnknownName(ConfigError):
    """A name (family, command, …) for which there is no module."""

    code = "E211"


class MissingFile(ConfigError):
    """A file that the configuration or a stage needs is not there."""

    code = "E212"


class StepNotExportable(ConfigError):
    """A step of the preparation that torch.export cannot carry into the registered model."""

    code = "E213"


class MixedCopies(ConfigError):
    """Stored copies of images that are to be mixed with others, and so would have two labels."""

    code = "E216"


class OverLimit(ConfigError):
    """A network larger than `search.limits` allows."""

    code = "E217"


class NotExportable(ConfigError):
    """A trained network that torch.export or ONNX cannot carry, so that it could not be handed out."""

    code = "E218"


class TreeTooLarge(ConfigError):
    """A working tree too large to be sent with a job."""

    code = "E219"


class NetworkFile(ConfigError):
    """A database that is a file lies on a network file system, where several hosts would write it and its locks do not hold."""

    code = "E220"


class DataError(ConvoyError):
    """The images cannot be used as they are."""

    code, exit_code = "E300", 3


class UnreadableImages(DataError):
    """More unreadable images than `ingest.on_bad_image` allows."""

    code = "E301"


class NoImages(DataError):
    """The source holds no image."""

    code = "E302"


class OneClass(DataError):
    """Fewer than two classes: nothing to learn."""

    code = "E303"


class EmptyClass(DataError):
    """A class folder without a readable image."""

    code = "E304"


class ClassTooSmall(DataError):
    """A class with fewer distinct images than there are splits."""

    code = "E305"


class SourceMissing(DataError):
    """The folder or files that `ingest.path` names are not there."""

    code = "E306"


class ImageRefused(DataError):
    """One image that could not be decoded, with the reason code."""

    code = "E307"


class DownloadFailed(DataError):
    """A file of a named set could not be fetched, or is not the file that was meant."""

    code = "E310"


class ManifestBroken(DataError):
    """A table of paths and labels that cannot be followed: missing columns, empty labels, a file listed twice."""

    code = "E311"


class SetBroken(DataError):
    """A file that holds many images (idx, array, archive) cannot be read, or does not match its labels."""

    code = "E312"


class TwinNames(DataError):
    """Two files of one folder whose names look the same and differ in their Unicode form."""

    code = "E313"


class ContradictoryLabels(DataError):
    """Identical pixels under two labels, more often than `ingest` allows."""

    code = "E314"


class SimilarLabels(DataError):
    """Classes whose names look like spellings of one."""

    code = "E315"


class ClusterTooLarge(DataError):
    """So many near-duplicates of one image that they cannot be duplicates, or the set is mostly one image."""

    code = "E320"


class TooManyFolds(DataError):
    """More folds than there are images or groups to put into them."""

    code = "E321"


class TrackingError(ConvoyError):
    """MLflow could not be used; everything computed so far is kept."""

    code, exit_code = "E400", 4


class TrackingUnreachable(TrackingError):
    """The tracking server does not answer."""

    code = "E401"


class ModelNotFound(TrackingError):
    """The registry has no such model, version or alias."""

    code = "E402"


class StudyUnreachable(ConvoyError):
    """The server of the study's database does not answer, or lets nobody in; nothing is lost."""

    code, exit_code = "E410", 4


class SearchFailed(ConvoyError):
    """The search ended without a usable result."""

    code, exit_code = "E500", 5


class TrialsFail(SearchFailed):
    """Trial after trial fails with the same error."""

    code = "E501"


class NothingFits(SearchFailed):
    """The sampler found no network that fits the image."""

    code = "E502"


class NoTrialFinished(SearchFailed):
    """The budget ended before any trial finished."""

    code = "E503"


class RefitDiverged(SearchFailed):
    """The winner, trained on train + val, did not stay finite."""

    code = "E504"


class ReselectionFailed(SearchFailed):
    """No candidate of the search could be trained again with every new seed."""

    code = "E505"


class StudyBusy(ConvoyError):
    """Another process is searching on this study."""

    code, exit_code = "E601", 6


class IntegrityError(ConvoyError):
    """A file is not what was written."""

    code, exit_code = "E700", 7


class DigestMismatch(IntegrityError):
    """The bytes of a file do not match the sha256 stored beside it."""

    code = "E701"


class StageOutOfDate(IntegrityError):
    """The results of two stages do not belong together, or an image changed after ingest."""

    code = "E702"


class CertificateBroken(IntegrityError):
    """The split is not the one its certificate vouches for, or shares something between its sides."""

    code = "E703"


class ExportDiffers(IntegrityError):
    """A form in which a model is handed out does not answer as the network that was trained."""

    code = "E704"


class NotRebuildable(IntegrityError):
    """What it takes to make a registered version again is not recorded with it, or not here."""

    code = "E705"


class RebuildDiffers(IntegrityError):
    """What was made again is not what is registered."""

    code = "E706"


class StudyLost(IntegrityError):
    """The file of the study was deleted, replaced or damaged."""

    code = "E707"


class DiskError(ConvoyError):
    """Convoy cannot write where it has to: nothing else is to blame."""

    code, exit_code = "E800", 8


class DiskFull(DiskError):
    """No space left where Convoy writes."""

    code = "E801"


class DiskBroken(DiskError):
    """A disk that fails, or was made read-only because it did."""

    code = "E802"


class SecurityRefusal(ConvoyError):
    """What only a hostile file would hold, such as an archive's way out of its folder; or a door that is open to everybody."""

    code, exit_code = "E901", 9


class Unsuitable(ConvoyError):
    """The machine, or the cluster, is not one on which this can run."""

    code, exit_code = "E010", 10


class ResourcesMissing(Unsuitable):
    """A trial needs more CPUs or GPUs, or other GPUs, or the refit more memory, than there is."""

    code = "E001"


class ClusterUnreachable(Unsuitable):
    """The head of the cluster does not answer, or this machine is no node of it."""

    code = "E002"


class OtherVersion(Unsuitable):
    """The cluster, or one of its nodes, runs another Ray, Python or Convoy."""

    code = "E003"


class NotShared(Unsuitable):
    """A node of the cluster does not see the files that a trial needs there."""

    code = "E004"


class CannotListen(Unsuitable):
    """The service cannot have its port: somebody else does, or the address is not this machine's, or the port not this user's."""

    code = "E006"


class SearchStuck(ConvoyError):
    """The process that conducts a search waits for something that never comes; nothing is lost."""

    code, exit_code = "E005", 10


class JobFailed(ConvoyError):
    """A stage that was sent to a cluster ended there without its results."""

    code, exit_code = "E111", 11


class Unexpected(ConvoyError):
    """An exception that no rule foresaw: a defect of Convoy or of what it stands on."""

    code, exit_code = "E000", 1


class Interrupted(ConvoyError):
    """Stopped by a signal or because the parent process is gone; the same command continues."""

    code, exit_code = "E130", 130

    def __init__(self, what: str, *, why: str, remedy: str, where: str = "", exit_code: int = 130) -> None:
        super().__init__(what, why=why, remedy=remedy, where=where)
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[object, ...]:
        return (_interrupted, (self.what, self.where, self.why, self.remedy, self.exit_code))


def _interrupted(what: str, where: str, why: str, remedy: str, exit_code: int) -> Interrupted:
    return Interrupted(what, why=why, remedy=remedy, where=where, exit_code=exit_code)


class Problems(ConvoyError):
    """Everything that is wrong, at once, one line each."""

    def __init__(self, errors: Sequence[ConvoyError]) -> None:
        self.errors = tuple(errors)
        self.exit_code = self.errors[0].exit_code
        Exception.__init__(self, self.errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)

    def __reduce__(self) -> tuple[object, ...]:
        return (Problems, (self.errors,))


def raise_all(errors: Sequence[ConvoyError]) -> None:
    """Raise nothing, the one error, or Problems holding all of them."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise Problems(errors)
