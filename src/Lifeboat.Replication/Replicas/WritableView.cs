// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// A view that can be written: writes go to sparse overlay files, dropped when the view is closed. They survive the
/// process, not the host: a drill on a host that lost power is started anew.
/// </summary>
public sealed class WritableView : PointInTimeView
{
    private const string Prefix = "view-";

    private readonly Dictionary<ushort, Overlay> _overlays = [];

    private WritableView(string name, ReplicaReader reader) : base(name, reader)
    {
    }

    public override ValueTask ReadAsync(ushort volume, long offset, Memory<byte> buffer, CancellationToken ct) =>
        OverlayOf(volume).ReadAsync(offset, buffer, ct);

    /// <summary>Once it returns, every read sees it, also after a restart of the process.</summary>
    /// <exception cref="StorageException">Full: the range may hold old and new bytes, sector by sector.</exception>
    public ValueTask WriteAsync(ushort volume, long offset, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        OverlayOf(volume).WriteAsync(offset, data, ct);

    /// <summary>Makes the range read as zeroes.</summary>
    public ValueTask ZeroAsync(ushort volume, long offset, long length, CancellationToken ct) =>
        OverlayOf(volume).ZeroAsync(offset, length, ct);

    public override async ValueTask DisposeAsync()
    {
        Source.Dispose();
        foreach (var overlay in _overlays.Values) await overlay.DisposeAsync();
    }

    internal static async Task<WritableView> OpenAsync(
        string name, ReplicaReader reader, IStorage storage, CancellationToken ct)
    {
        var view = new WritableView(name, reader);
        try
        {
            foreach (var volume in reader.Sizes.Keys)
                view._overlays.Add(volume,
                    await Overlay.OpenAsync($"{Prefix}{name}-{volume}", volume, reader, storage, ct));
            return view;
        }
        catch
        {
            await view.DisposeAsync();
            throw;
        }
    }

    /// <summary>The view that an overlay file belongs to.</summary>
    internal static bool TryParseOverlay(string file, out string view)
    {
        view = "";
        var end = file.LastIndexOf('-');
        if (!file.StartsWith(Prefix, StringComparison.Ordinal) || end <= Prefix.Length) return false;
        view = file[Prefix.Length..end];
        return true;
    }

    private Overlay OverlayOf(ushort volume) => _overlays.TryGetValue(volume, out var overlay)
        ? overlay
        : throw new ReplicaException(ReplicaFault.VolumeUnknown, $"volume {volume} is not part of the replica");
}
