"""
List the defects of objects that git can be configured to ignore.

Each defect has a message ID in git-fsck(1). A defect stops a download unless it is ignored. Not
listed are fatal defects, which cannot be ignored ("nulInHeader", "unterminatedHeader"), the setting
"skipList", and defects of severity INFO, which do not stop a download. git skips IDs that its
version does not know.

Source: git-fsck(1), FSCK MESSAGES; git-config(1), fetch.fsck.<msg-id>.
"""

DEFECTS = (
    "badDate", "badDateOverflow", "badEmail", "badGpgsig", "badHeaderContinuation", "badName", "badObjectSha1",
    "badParentSha1", "badTimezone", "badTree", "badTreeSha1", "badType", "duplicateEntries", "emptyName", "fullPathname",
    "gitattributesBlob", "gitattributesLarge", "gitattributesLineLength", "gitattributesMissing", "gitmodulesBlob",
    "gitmodulesLarge", "gitmodulesMissing", "gitmodulesName", "gitmodulesPath", "gitmodulesSymlink", "gitmodulesUpdate",
    "gitmodulesUrl", "hasDot", "hasDotdot", "hasDotgit", "largePathname", "missingAuthor", "missingCommitter",
    "missingEmail", "missingNameBeforeEmail", "missingObject", "missingSpaceBeforeDate", "missingSpaceBeforeEmail",
    "missingTag", "missingTagEntry", "missingTree", "missingType", "missingTypeEntry", "multipleAuthors", "nulInCommit",
    "nullSha1", "treeNotSorted", "unknownType", "zeroPaddedDate", "zeroPaddedFilemode",
)  # fmt: skip
_BY_LOWER_CASE = {name.lower(): name for name in DEFECTS}


def find_defect_id(name: str) -> str:
    """
    Return a message ID in the spelling of git-fsck(1), ignoring case.

    Raises:
        ValueError: git cannot ignore this message ID.
    """
    if found := _BY_LOWER_CASE.get(name.lower()):
        return found
    raise ValueError(
        f'"{name}" is not a message ID that can be accepted; it must be one of {", ".join(DEFECTS)}'
    )
