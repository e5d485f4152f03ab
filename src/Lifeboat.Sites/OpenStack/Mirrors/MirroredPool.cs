// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts.Sites;
using Lifeboat.Qemu.Ceph;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Mirrors;

/// <summary>A pool of Ceph whose images rbd-mirror carries in snapshots, by the tool `rbd`.</summary>
internal sealed class MirroredPool(RbdSettings settings, TimeProvider time)
{
    /// <summary>All of our snapshots and clones begin so.</summary>
    public const string Ours = "lifeboat-";
    private const string EpochKey = "lifeboat-mirrored-in";
    // A roll-back looks at each object, a removal too.
    private static readonly TimeSpan LongLimit = TimeSpan.FromHours(1);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private const int PromotionsMax = 15;

    private readonly CephTools _tools = new(new CephAccess(settings.ConfigurationFile, settings.User,
        TimeSpan.FromSeconds(settings.AnswerSeconds)), time);

    public string Pool => settings.Pool;

    public async Task<IReadOnlyList<string>> GapsAsync(CancellationToken ct)
    {
        using var told = JsonDocument.Parse(await AskAsync(["mirror", "pool", "info", "--format", "json", Pool], ct));
        if (told.RootElement.GetProperty("mode").GetString() is not { } mode || mode == "disabled")
            return [$"pool '{Pool}' is not mirrored: `rbd mirror pool enable {Pool} image` at both clusters"];
        return told.RootElement.TryGetProperty("peers", out var peers) && peers.GetArrayLength() > 0 ? []
            : [$"pool '{Pool}' is mirrored with nobody: `rbd mirror pool peer bootstrap` makes the other cluster its "
                + "peer"];
    }

    public async Task<RbdImage?> FindAsync(string image, CancellationToken ct)
    {
        try
        {
            using var told = JsonDocument.Parse(await AskAsync(["info", "--format", "json", Of(image)], ct));
            var root = told.RootElement;
            var mirrored = root.TryGetProperty("mirroring", out var mirroring)
                && mirroring.TryGetProperty("global_id", out _);
            return new RbdImage(image, root.GetProperty("size").GetInt64(),
                mirrored ? mirroring.GetProperty("global_id").GetString() : null,
                mirrored && mirroring.GetProperty("primary").GetBoolean(),
                root.TryGetProperty("parent", out var parent)
                    ? $"{parent.GetProperty("pool").GetString()}/{parent.GetProperty("image").GetString()}" : null);
        }
        catch (CephException e) when (e.Fault is CephFault.NotFound)
        {
            return null;
        }
    }

    /// <summary>Oldest first.</summary>
    public async Task<IReadOnlyList<RbdSnapshot>> SnapshotsAsync(string image, CancellationToken ct)
    {
        using var told = JsonDocument.Parse(await AskAsync(["snap", "ls", "--all", "--format", "json", Of(image)], ct));
        return [.. told.RootElement.EnumerateArray().Select(Read).OrderBy(s => s.Id)];
    }

    public async Task<IReadOnlyList<string>> ImagesAsync(string prefix, CancellationToken ct)
    {
        using var told = JsonDocument.Parse(await AskAsync(["ls", "--format", "json", Pool], ct));
        return [.. told.RootElement.EnumerateArray().Select(i => i.GetString()!)
            .Where(i => i.StartsWith(prefix, StringComparison.Ordinal))];
    }

    /// <summary>Mirrors an image from here, under an id that is new with each epoch.</summary>
    // What the other side made of it in an earlier epoch is somebody's volume there by now, and has its name: under the
    // old id the mirror would go on to rename its copy so, and fail.
    public async Task MirrorAsync(RbdImage image, string epoch, CancellationToken ct)
    {
        if (image is { GlobalId: not null, IsPrimary: true } && await EpochAsync(image.Name, ct) == epoch) return;
        // Demoted, and the move was taken back: the other side's copy is of this image as before.
        if (image is { GlobalId: not null, IsPrimary: false })
        {
            await PromoteAsync(image.Name, force: false, ct);
        }
        else
        {
            if (image.GlobalId is not null) await DisableAsync(image, ct);
            await AskAsync(["mirror", "image", "enable", Of(image.Name), "snapshot"], ct);
        }
        await AskAsync(["image-meta", "set", Of(image.Name), EpochKey, epoch], ct);
    }

    public Task SnapshotAsync(string image, string snapshot, CancellationToken ct) =>
        UnlessAsync(CephFault.Exists, ["snap", "create", "--no-progress", $"{Of(image)}@{snapshot}"], null, ct);

    public Task RemoveSnapshotAsync(string image, string snapshot, CancellationToken ct) =>
        UnlessAsync(CephFault.NotFound, ["snap", "rm", "--no-progress", $"{Of(image)}@{snapshot}"], LongLimit, ct);

    public Task MirrorSnapshotAsync(string image, CancellationToken ct) =>
        AskAsync(["mirror", "image", "snapshot", Of(image)], ct);

    public Task DemoteAsync(string image, CancellationToken ct) =>
        AskAsync(["mirror", "image", "demote", Of(image)], ct);

    /// <param name="force">Without asking whether the other side gave way.</param>
    public async Task PromoteAsync(string image, bool force, CancellationToken ct)
    {
        string[] arguments = ["mirror", "image", "promote", .. force ? new[] { "--force" } : [], Of(image)];
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await AskAsync(arguments, ct);
                return;
            }
            catch (CephException e) when (e.Fault is CephFault.Refused or CephFault.Busy && attempt < PromotionsMax)
            {
                // The mirror's daemon has the image open for a moment longer.
                await Task.Delay(Look, time, ct);
                if (await FindAsync(image, ct) is { IsPrimary: true }) return;
            }
        }
    }

    public Task DisableAsync(RbdImage image, CancellationToken ct) => AskAsync(
        ["mirror", "image", "disable", .. image.IsPrimary ? [] : new[] { "--force" }, Of(image.Name)], ct);

    /// <summary>Bytes that differ between two snapshots, or a snapshot and what there is now.</summary>
    public async Task<long> DifferenceAsync(string image, string from, string? to, CancellationToken ct)
    {
        string[] until = to is null ? [] : ["--snap", to];
        string[] asked = ["diff", "--format", "json", "--from-snap", from, .. until, Of(image)];
        using var told = JsonDocument.Parse(await AskAsync(asked, ct, LongLimit));
        return told.RootElement.EnumerateArray().Sum(e => e.GetProperty("length").GetInt64());
    }

    public Task RollBackAsync(string image, string snapshot, CancellationToken ct) =>
        AskAsync(["snap", "rollback", "--no-progress", $"{Of(image)}@{snapshot}"], ct, LongLimit);

    /// <summary>One that reads what it has not got from the snapshot, which may be removed all the same.</summary>
    public Task CloneAsync(string image, string snapshot, string clone, CancellationToken ct) => UnlessAsync(
        CephFault.Exists, ["clone", "--rbd-default-clone-format", "2", $"{Of(image)}@{snapshot}", Of(clone)], null, ct);

    public Task RemoveAsync(string image, CancellationToken ct) =>
        UnlessAsync(CephFault.NotFound, ["rm", "--no-progress", Of(image)], LongLimit, ct);

    private async Task<string?> EpochAsync(string image, CancellationToken ct)
    {
        try
        {
            return (await AskAsync(["image-meta", "get", Of(image), EpochKey], ct)).Trim();
        }
        catch (CephException e) when (e.Fault is CephFault.NotFound)
        {
            return null;
        }
    }

    private string Of(string image) => $"{Pool}/{image}";

    private Task<string> AskAsync(string[] arguments, CancellationToken ct, TimeSpan? limit = null) =>
        _tools.RbdAsync(arguments, limit, ct);

    private async Task UnlessAsync(CephFault done, string[] arguments, TimeSpan? limit, CancellationToken ct)
    {
        try
        {
            await AskAsync(arguments, ct, limit);
        }
        catch (CephException e) when (e.Fault == done)
        {
            // As it is to be.
        }
    }

    private static RbdSnapshot Read(JsonElement told)
    {
        var space = told.GetProperty("namespace");
        var kind = space.GetProperty("type").GetString();
        return new RbdSnapshot(told.GetProperty("id").GetInt64(), told.GetProperty("name").GetString()!, kind == "user",
            kind == "mirror" ? space.GetProperty("state").GetString() : null,
            kind == "mirror" && space.GetProperty("complete").GetBoolean(),
            space.TryGetProperty("primary_snap_id", out var primary) ? primary.GetInt64() : null);
    }

    /// <summary>As the driver tells its faults.</summary>
    public static CloudException Failed(CephException e) => new(e.Fault switch
    {
        CephFault.Unreachable => CloudFault.Unreachable,
        CephFault.NotFound => CloudFault.NotFound,
        CephFault.Full => CloudFault.BuildFailed,
        CephFault.Exists or CephFault.Busy => CloudFault.Conflict,
        CephFault.Refused => CloudFault.Refused,
    }, e.Message, e);
}
