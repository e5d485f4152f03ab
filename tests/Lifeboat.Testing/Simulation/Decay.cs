// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Replicas;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// The medium below a replica decays: bits turn over, or a write lands elsewhere in its file. Struck again only when
/// scrubbing has looked at everything since: what is promised is that one damage at a time is found before it is
/// recovered from, named, and mended by the source.
/// </summary>
internal sealed class Decay(SimulatedHost host)
{
    private const string Image = "g1-";
    private const int PassesBetween = 2;
    private const int Sector = 512;
    private long _mayStrike;

    /// <summary>Full scrubs of replicas of this host.</summary>
    public long Passes { get; private set; }

    public void PassEnded() => Passes++;

    public void Flip(Prng dice)
    {
        if (Struck(dice) is not var (folder, file, length)) return;
        // Of what holds data several at once: each is a block or a record of its own.
        for (var bits = folder == SimulatedReplicaStore.Folder ? dice.Next(1, 4) : 1; bits > 0; bits--)
            Flip(folder, file, length, dice);
        host.World.Count($"flips in {KindOf(folder, file)}");
        // Some bad sector lies across both: what a record was is lost with it.
        var index = host.Disk.Files(folder).FirstOrDefault(f => f.Name == Path.ChangeExtension(file, "idx"));
        if (!file.EndsWith(".lbj", StringComparison.Ordinal) || index.Length == 0 || !dice.Chance(0.4)) return;
        Flip(folder, index.Name, index.Length, dice);
        host.World.Count("flips in segments and their indexes");
    }

    private void Flip(string folder, string file, long length, Prng dice)
    {
        var at = dice.Next(length);
        host.Disk.Flip(folder, file, at, (byte)(1 << dice.Next(8)));
        host.World.Say(host.Name, $"a bit of {folder}/{file} flips at {at}");
    }

    /// <summary>One of the next writes into a file of the replica lands in another place of that file.</summary>
    public void Misdirect(Prng dice)
    {
        if (Struck(dice) is null) return;
        var folders = host.Agent!.FoldersOf(host.ReplicaWanted!).ToArray();
        var skip = dice.Next(30);
        host.Disk.Misdirects = (folder, file, offset, bytes, length) =>
        {
            var counts = folders.Contains(folder) && Counts(folder, file) && length - bytes >= Sector
                && (folder != SimulatedReplicaStore.Folder || IsSummed());
            if (!counts || --skip > 0) return offset;
            var lands = dice.Next(length - bytes + 1) / Sector * Sector;
            if (lands == offset) return offset;
            host.Disk.Misdirects = null;
            _mayStrike = Passes + PassesBetween;
            host.World.Say(host.Name, $"a write of {bytes} bytes to {folder}/{file} at {offset} lands at {lands}");
            host.World.Count($"misdirected into {KindOf(folder, file)}");
            return lands;
        };
    }

    // A replica that was put back, or that lost its end, begins anew: nothing of it is known until it was scrubbed.
    private (string Folder, string File, long Length)? Struck(Prng dice)
    {
        if (host is not { ReplicaWanted: { } wanted, Lies: false, Views.Count: 0 }
            || host.Agent is not { Process: { Alive: true, Paused: false } } agent
            || agent.Opened(wanted) is not { } replica || Passes < _mayStrike || replica.Points.Count == 0) return null;
        var summed = IsSummed();
        List<(string Folder, string File, long Length)> files = [.. agent.FoldersOf(wanted)
            .SelectMany(folder => host.Disk.Files(folder).Select(f => (folder, f.Name, f.Length)))
            .Where(f => f.Length > 0 && Counts(f.folder, f.Name)
                && (summed || f.folder != SimulatedReplicaStore.Folder))];
        if (files.Count == 0) return null;
        _mayStrike = Passes + PassesBetween;
        wanted.Decays();
        return dice.Pick(files);
    }

    // What has no checksum yet can be anything.
    private bool IsSummed() => host is { ReplicaWanted: { } wanted, Agent: { Process.Alive: true } agent }
        && agent.Opened(wanted) is { ScrubState.ChecksumsTo: >= 1 };

    // Not: what means nothing, what is not there yet, overlays of views, and seeds.
    private static bool Counts(string folder, string file) => !file.EndsWith(".new", StringComparison.Ordinal)
        && (folder == SimulatedReplicaStore.Folder
            ? file.StartsWith(Image, StringComparison.Ordinal)
            : file != "spare" && !file.StartsWith("free-", StringComparison.Ordinal)
              && !file.StartsWith("new-", StringComparison.Ordinal)
              && !file.StartsWith("view-", StringComparison.Ordinal));

    private static string KindOf(string folder, string file) => folder == SimulatedReplicaStore.Folder ? "base images"
        : file.EndsWith(".lbj", StringComparison.Ordinal) ? "segments"
        : file.EndsWith(".idx", StringComparison.Ordinal) ? "indexes"
        : file.EndsWith(".sums", StringComparison.Ordinal) ? "checksums"
        : file.StartsWith("manifest", StringComparison.Ordinal) ? "manifests" : file;
}
