"""
List the defects of objects that git can be configured to ignore.

These message IDs of git-fsck(1) stop a download and can be ignored. Fatal ones cannot be ignored ("nulInHeader",
"unterminatedHeader"), "skipList" is a setting, and those of severity INFO stop nothing. git skips an ID that its
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
    Return a message ID as git-fsck(1) spells it; git itself ignores case.

    Raises:
        ValueError: git cannot ignore it.
    """
    if found := _BY_LOWER_CASE.get(name.lower()):
        return found
    raise ValueError(
        f'"{name}" is not a message ID that can be accepted; it must be one of {", ".join(DEFECTS)}'
    )
