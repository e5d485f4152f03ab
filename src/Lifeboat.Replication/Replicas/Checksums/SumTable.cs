// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas.Checksums;

/// <summary>
/// The sums of a base image's blocks in a file of their own, sparse where the image is zero. One writer at a time (the
/// base gate); readers take what they find and ask again under the gate when it does not fit.
/// </summary>
internal sealed class SumTable(ushort volume, IStorageFile file) : IAsyncDisposable
{
    public ushort Volume => volume;

    public static string NameOf(ushort volume) => $"base-{volume}.sums";

    public static async Task<SumTable> OpenAsync(IStorage storage, ushort volume, CancellationToken ct) =>
        new(volume, await storage.OpenAsync(NameOf(volume), create: true, ct));

    /// <summary>Fills the buffer with whole sectors; past the file's end they are zeroes.</summary>
    public async ValueTask ReadAsync(long firstSector, Memory<byte> sectors, CancellationToken ct)
    {
        var count = await file.ReadAsync(firstSector * SumSector.Bytes, sectors, ct);
        sectors.Span[count..].Clear();
    }

    public ValueTask<long> LengthAsync(CancellationToken ct) => file.LengthAsync(ct);

    public ValueTask WriteAsync(long firstSector, ReadOnlyMemory<byte> sectors, CancellationToken ct) =>
        file.WriteAsync(firstSector * SumSector.Bytes, sectors, ct);

    public async ValueTask ApplyAsync(SumChange change, CancellationToken ct)
    {
        if (change.Sectors is { } sectors) await WriteAsync(change.FirstSector, sectors, ct);
        else await file.ZeroAsync(change.FirstSector * SumSector.Bytes, change.Count * SumSector.Bytes, ct);
    }

    public ValueTask FlushAsync(CancellationToken ct) => file.FlushAsync(ct);
    public ValueTask ForgetAsync(CancellationToken ct) => file.SetLengthAsync(0, ct);
    public ValueTask DisposeAsync() => file.DisposeAsync();
}

/// <param name="Sectors">Null: they become zeroes.</param>
internal sealed record SumChange(ushort Volume, long FirstSector, long Count, byte[]? Sectors)
{
    /// <summary>The sum that a block has from this change on; null: another change is about it, or none.</summary>
    public uint? SumOf(long block)
    {
        var sector = block / SumSector.Blocks - FirstSector;
        if (sector < 0 || sector >= Count) return null;
        return Sectors is null
            ? 0
            : SumSector.Get(Sectors.AsSpan((int)sector * SumSector.Bytes), (int)(block % SumSector.Blocks));
    }
}
