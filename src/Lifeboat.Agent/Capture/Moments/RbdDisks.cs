// SPDX-License-Identifier: Apache-2.0
using System.Collections.Immutable;
using System.Text.Json;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Qemu;
using Lifeboat.Qemu.Ceph;
using Lifeboat.Replication.Capture;
using Lifeboat.Volumes.Qemu.Rbd;

namespace Lifeboat.Agent.Capture.Moments;

/// <summary>
/// Asks QEMU which RBD images its disks are. How the cluster is reached is in `site.json` (`rbd`), else it is as QEMU
/// itself does, which needs its configuration file and a key that this host has.
/// </summary>
internal sealed class RbdDisks(IReadOnlyList<QmpDiskTap> disks, RestWatch rests, AgentParts parts)
{
    // Two at once were made in 0.5 to 0.8 s on a busy machine: the monitors commit the id of each.
    private static readonly TimeSpan PauseLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(10);
    private const string DefaultFile = "/etc/ceph/ceph.conf";
    private readonly IReadOnlyList<QemuMonitor> _monitors =
        [.. disks.Select(d => d.Monitor).Distinct().OrderBy(m => m.SocketPath, StringComparer.Ordinal)];

    public static RbdSnapshots Of(
        SourceSpec spec, IReadOnlyList<QmpDiskTap> disks, RestWatch rests, AgentParts parts)
    {
        var images = new RbdDisks(disks, rests, parts);
        return new RbdSnapshots([.. disks.Select(d => d.Volume.Index)], images.LocateAsync, images.NotedAsync,
            images.HoldAsync, images.RestMarkAsync,
            Path.Combine(parts.Paths.Run, $"snap-{TapNames.KeyOf(spec.Group)}-"), parts.Time);
    }

    private async Task<IReadOnlyList<RbdDisk>> LocateAsync(CancellationToken ct)
    {
        var settings = SettingsNow();
        if (await RestAsync(ct) is { } rest) return AtRest(rest, settings);
        var found = new List<RbdDisk>();
        foreach (var monitor in _monitors)
        {
            var mine = disks.Where(d => d.Monitor == monitor).ToList();
            var blocks = await monitor.TalkAsync(async qmp =>
            {
                foreach (var disk in mine) await DiskCheck.ThrowIfOtherAsync(qmp, disk.Volume, ct);
                return await qmp.ExecuteAsync("query-block", null, ct);
            }, ct);
            foreach (var disk in mine)
                found.Add(Read(disk.Volume, BlockNode.FileOf(blocks, disk.Volume.Device), settings));
        }
        return found;
    }

    private async Task<IReadOnlyList<RbdDisk>> NotedAsync(CancellationToken ct)
    {
        var (places, settings) = (await rests.PlacesAsync(ct), SettingsNow());
        return [.. disks.Select(d => (d.Volume, Place: places.FirstOrDefault(p => p.Index == d.Volume.Index)))
            .Where(d => d.Place is not null).Select(d => Read(d.Volume, d.Place!.File, settings))];
    }

    private RbdSettings? SettingsNow() => SiteConfiguration.Read(parts.Paths.Root).Rbd;

    private async Task<string?> RestMarkAsync(CancellationToken ct) =>
        await rests.LookAsync(ct) is { } rest ? $"{rest.Runs}" : null;

    private async Task<Rest?> RestAsync(CancellationToken ct) =>
        await rests.LookAsync(ct) is { InQemu: false } rest ? rest : null;

    private List<RbdDisk> AtRest(Rest rest, RbdSettings? settings) => [.. disks.Select(disk => Read(disk.Volume,
        rest.Places.FirstOrDefault(p => p.Index == disk.Volume.Index)?.File ?? throw new TapException(
            TapFault.InstanceGone, $"{disk.Volume.Name}: its instance is shut down, and this agent has not seen it "
                + "run; start it once"), settings))];

    // All conversations are open before the first instance is paused, one inside the other.
    private async Task HoldAsync(Func<CancellationToken, Task> run, CancellationToken ct)
    {
        if (await RestAsync(ct) is { } rest) await AtRestAsync(AtRest(rest, SettingsNow()));
        else await NextAsync(ImmutableList<QmpClient>.Empty);

        // Nobody has them open before and behind: nobody wrote in between.
        async Task AtRestAsync(List<RbdDisk> images)
        {
            await RbdSnapshots.NobodyHasAsync(images, parts.Time, ct);
            await run(ct);
            await RbdSnapshots.NobodyHasAsync(images, parts.Time, ct);
        }

        Task NextAsync(ImmutableList<QmpClient> open) => open.Count == _monitors.Count
            ? PausedAsync(open)
            : _monitors[open.Count].TalkAsync(qmp => NextAsync(open.Add(qmp)), ct);

        async Task PausedAsync(IReadOnlyList<QmpClient> instances)
        {
            await using var pause = new InstancePause(instances, parts.Heartbeat, PauseLimit, parts.Time);
            await pause.BeginAsync(ct);
            await run(ct);
            if (!await pause.HeldAsync(ct))
                throw new TapException(TapFault.Refused, "snapshots of all disks took longer than instances may be "
                    + $"paused ({PauseLimit.TotalSeconds:0} s): they are not of one moment");
        }
    }

    // Only raw: a qcow2 in an RBD image has other offsets.
    /// <exception cref="TapException">Refused: the disk is no such image.</exception>
    public static RbdDisk Read(SourceVolume volume, string file, RbdSettings? settings)
    {
        const string json = "json:";
        if (!file.StartsWith(json, StringComparison.Ordinal)) throw NoImage(volume, file);
        using var read = JsonDocument.Parse(file[json.Length..]);
        var node = read.RootElement;
        while (Text(node, "driver") == "raw" && node.TryGetProperty("file", out var below)
            && below.ValueKind == JsonValueKind.Object) node = below;
        if (Text(node, "driver") != "rbd") throw NoImage(volume, file);
        var access = settings is null
            ? new CephAccess(Text(node, "conf") ?? DefaultFile, Text(node, "user") ?? "admin", AnswersWithin)
            : new CephAccess(settings.ConfigurationFile, settings.User, TimeSpan.FromSeconds(settings.AnswerSeconds));
        return new RbdDisk(volume.Index, access, Text(node, "pool") ?? throw NoImage(volume, file),
            Text(node, "namespace") is { Length: > 0 } space ? space : null,
            Text(node, "image") ?? throw NoImage(volume, file));
    }

    private static TapException NoImage(SourceVolume volume, string file) => new(TapFault.Refused,
        $"{volume.Name} is no raw RBD image ({file}): take another source, bitmap or continuous");

    private static string? Text(JsonElement node, string name) =>
        node.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
