// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Records;

public enum RecordReadOutcome
{
    Read,
    /// <summary>The bytes end before the record does.</summary>
    Incomplete,
    /// <summary>No record begins here.</summary>
    NotARecord,
    /// <summary>Written by a later version.</summary>
    UnsupportedVersion,
    /// <summary>The header contradicts itself or a limit.</summary>
    Malformed,
    BadChecksum,
}
