// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller.Storage.Care;

// A backup is gzip of lines of JSON (docs/formats/backup.md): a header, a line for each row, and an end without which
// it is not whole.

/// <param name="Format">`lifeboat-backup-1`.</param>
/// <param name="Schema">Version of the schema that the rows are of.</param>
internal sealed record BackupHeader(string Format, long Schema, string Site, DateTimeOffset At, string Engine);

/// <param name="Sha256">Of all lines before this one with their line ends, hex.</param>
internal sealed record BackupEnd(long Rows, string Sha256);

internal static class BackupFormat
{
    public const string Name = "lifeboat-backup-1";

    /// <summary>Who lives and works on what is true of now only.</summary>
    public static readonly IReadOnlySet<string> Passing = new HashSet<string> { "controllers", "leases", "locks" };
}
