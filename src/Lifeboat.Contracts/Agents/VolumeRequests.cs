// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Agents;

/// <summary>
/// Asks capture to let go of one volume for a while, for what QEMU refuses while a mirror uses the disk: a snapshot, a
/// resize, a move. The change map remembers what is written meanwhile.
/// </summary>
/// <param name="For">Capture comes back after this long at the latest; more than zero, at most an hour.</param>
/// <param name="Reason">For people; at most 200 characters.</param>
public sealed record ReleaseVolumeRequest(TimeSpan For, string Reason)
{
    public static readonly TimeSpan LongestRelease = TimeSpan.FromHours(1);

    public IEnumerable<string> Problems()
    {
        if (For <= TimeSpan.Zero || For > LongestRelease)
            yield return $"release.for is {For}; allowed is up to {LongestRelease.TotalMinutes:0} minutes";
        if (string.IsNullOrWhiteSpace(Reason) || Reason.Length > 200)
            yield return "release.reason must have 1 to 200 characters";
    }
}

/// <summary>Takes a disk of a protected instance into its group.</summary>
/// <param name="TargetDisk">
/// An existing raw file or block device at the recovery site that takes the copy; null: a file of the agent there.
/// </param>
public sealed record ProtectVolumeRequest(string? TargetDisk = null);

/// <param name="SizeBytes">The new size, a multiple of 512; never less than before.</param>
public sealed record ResizeVolumeRequest(long SizeBytes);
