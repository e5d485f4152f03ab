// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>Shows a digest, and whether it is the one that was expected.</summary>
internal static class DigestTable
{
    public static Option<string?> Expected() => new("--expect")
    {
        Description = "A group's digest to compare with; another one ends with verification-failed",
    };

    public static int Write(CommandOutput output, GroupDigest digest, string? expected)
    {
        output.Write(digest, table =>
        {
            table.AddColumns("volume", "size", "SHA-256 tree over 1 MiB");
            foreach (var v in digest.Volumes) table.AddRow(v.Name, Show.Bytes(v.SizeBytes), v.Digest);
            table.AddRow("group", "", digest.Digest);
        });
        if (expected is null) return ExitCode.Ok;
        var same = string.Equals(expected.Trim(), digest.Digest, StringComparison.OrdinalIgnoreCase);
        output.Talk(same ? "the same" : $"not the same: expected {expected.Trim()}");
        return same ? ExitCode.Ok : (int)ReasonCode.VerificationFailed;
    }
}
