// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// Ways to break the engine on purpose, by the names that the commands take. Most switch a line of the engine off;
/// those of storage leave out one kind of its calls, as if that line had been deleted.
/// </summary>
public static class PlantedFlaws
{
    private static readonly SortedDictionary<string, EngineFlaws> OfEngine = new(StringComparer.Ordinal)
    {
        ["ack-before-receive"] = new() { AckBeforeReceiveEvery = 97 },
        ["seal-before-durable"] = new() { SealBeforeDurable = true },
        ["apply-out-of-order"] = new() { ApplyOutOfOrder = true },
        ["accept-old-epoch"] = new() { AcceptOldEpoch = true },
        ["forget-gap-early"] = new() { ForgetGapEarly = true },
        ["pull-over-writes"] = new() { PullOverWrites = true },
        ["confirm-blindly"] = new() { ConfirmBlindly = true },
        ["lose-silently"] = new() { LoseSilently = true },
        ["follow-any-stream"] = new() { FollowAnyStream = true },
        ["rotate-early"] = new() { RotateEarly = true },
        ["replay-from-shipped"] = new() { ReplayFromShipped = true },
        ["cut-unwhole"] = new() { CutUnwhole = true },
        ["trust-maps"] = new() { TrustMaps = true },
        ["copy-all"] = new() { CopyAll = true },
        ["fold-past-views"] = new() { FoldPastViews = true },
        ["fold-nothing"] = new() { FoldNothing = true },
        ["trim-unfolded"] = new() { TrimUnfolded = true },
        ["open-anywhere"] = new() { OpenAnywhere = true },
        ["spill-unconfirmed"] = new() { SpillUnconfirmed = true },
        ["log-out-of-order"] = new() { LogOutOfOrder = true },
    };

    // Verb, and how the names of folder and file begin.
    private static readonly SortedDictionary<string, (DiskVerb Verb, string Folder, string File)> OfStorage =
        new(StringComparer.Ordinal)
        {
            ["no-flush-of-journal"] = (DiskVerb.Flush, "replica-", "seg-"),
            ["no-flush-of-new-segment"] = (DiskVerb.Flush, "replica-", "new-"),
            ["no-flush-of-manifest"] = (DiskVerb.Flush, "replica-", "manifest"),
            ["no-flush-of-base"] = (DiskVerb.Flush, "images", "g1-"),
            ["no-sync-of-names"] = (DiskVerb.Sync, "replica-", ""),
            ["no-zeroing-of-tail"] = (DiskVerb.Zero, "replica-", "seg-"),
        };

    public static IReadOnlyList<string> Names => [.. OfEngine.Keys, .. OfStorage.Keys];

    /// <summary>It shows on disks as crashes leave them.</summary>
    public static bool IsOfStorage(string name) => OfStorage.ContainsKey(name) || name == "seal-before-durable";

    internal static EngineFlaws Named(string? name)
    {
        if (name is null || OfStorage.ContainsKey(name)) return EngineFlaws.None;
        return OfEngine.TryGetValue(name, out var flaws)
            ? flaws
            : throw new ArgumentException($"no flaw is called {name}; there are {string.Join(", ", Names)}");
    }

    internal static void Plant(string? name, SimulatedDisk disk)
    {
        if (name is null || !OfStorage.TryGetValue(name, out var call)) return;
        disk.LeavesOut = (verb, folder, file) => verb == call.Verb
            && folder.StartsWith(call.Folder, StringComparison.Ordinal)
            && file.StartsWith(call.File, StringComparison.Ordinal);
    }
}
