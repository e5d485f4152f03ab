// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Replicas;

/// <summary>
/// A source as naive as can be: it makes records and remembers all of them, so that the state at any sequence can be
/// had by writing them one after the other into plain arrays.
/// </summary>
internal sealed class ModelSource(Prng prng, IReadOnlyDictionary<ushort, int> sizes)
{
    private readonly List<byte[]> _records = [];
    private DateTimeOffset _clock = DateTimeOffset.UnixEpoch;

    public Epoch Epoch { get; set; } = Epoch.First;
    public Guid StreamId { get; private set; }
    public bool InBatch { get; private set; }
    public long Last => _records.Count;
    public DateTimeOffset Clock => _clock;
    public List<RecoveryPoint> Points { get; } = [];

    public byte[] Record(long sequence) => _records[(int)sequence - 1];
    public byte[] Records(long from, long to) => [.. Enumerable.Range((int)from, (int)(to - from + 1))
        .SelectMany(s => Record(s))];

    public byte[] Write()
    {
        var volume = prng.Pick(sizes.Keys.ToList());
        var length = 512 * prng.Next(1, 24);
        var offset = 512L * prng.Next((sizes[volume] - length) / 512 + 1);
        return Add(RecordHeader.Write(volume, Last + 1, Epoch.Value, offset, length, Micros()), prng.Bytes(length));
    }

    /// <summary>Brings what a disk has now, as a resync does.</summary>
    public byte[] Write(ushort volume, long offset, ReadOnlySpan<byte> data) => Add(RecordHeader.Write(volume,
        Last + 1, Epoch.Value, offset, data.Length, Micros(), RecordFlags.Pulled), data.ToArray());

    public byte[] Zero()
    {
        var volume = prng.Pick(sizes.Keys.ToList());
        var from = 512L * prng.Next(sizes[volume] / 512);
        var length = 512L * (1 + prng.Next((int)(sizes[volume] - from) / 512));
        return Zero(volume, from, length);
    }

    public byte[] Zero(ushort volume, long offset, long length) =>
        Add(RecordHeader.Zero(volume, Last + 1, Epoch.Value, offset, length, Micros()), []);

    public byte[] Size(ushort volume, long bytes) =>
        Add(RecordHeader.Size(volume, Last + 1, Epoch.Value, bytes, Micros()), []);

    public byte[] Checkpoint(RecordFlags flags = RecordFlags.None)
    {
        _clock += TimeSpan.FromSeconds(1);
        var point = new RecoveryPoint(prng.NextGuid(), Last + 1, Epoch, _clock, Consistency.Crash, PointState.Open,
            null, null, new Dictionary<string, Consistency>());
        var payload = CheckpointPayload.Encode(point);
        if (flags == RecordFlags.None) Points.Add(point);
        return Add(RecordHeader.Mark(RecordKind.Checkpoint, Last + 1, Epoch.Value, payload.Length, Micros())
            with { Flags = flags }, payload);
    }

    public byte[] BeginBatch(bool newStream)
    {
        if (newStream) StreamId = prng.NextGuid();
        InBatch = true;
        return Mark(RecordKind.BatchBegin);
    }

    public byte[] EndBatch()
    {
        InBatch = false;
        return Mark(RecordKind.BatchEnd);
    }

    /// <summary>The recovery site lost what was never promised: history goes on from what it has.</summary>
    public void ForgetAfter(long sequence)
    {
        _records.RemoveRange((int)sequence, (int)(Last - sequence));
        Points.RemoveAll(p => p.Sequence > sequence);
    }

    public Dictionary<ushort, byte[]> ImageAt(long sequence)
    {
        var images = sizes.ToDictionary(s => s.Key, s => new byte[s.Value]);
        for (var s = 1; s <= sequence; s++)
        {
            RecordCodec.TryRead(Record(s), out var header, out _);
            if (header.Kind == RecordKind.Write)
                RecordCodec.DataOf(Record(s), header).CopyTo(images[header.Volume].AsMemory((int)header.Offset));
            else if (header.Kind == RecordKind.Zero)
                images[header.Volume].AsSpan((int)header.Offset, (int)header.Length).Clear();
            else if (header.Kind == RecordKind.VolumeSize)
            {
                var image = images[header.Volume];
                Array.Resize(ref image, (int)header.Offset);
                images[header.Volume] = image;
            }
        }
        return images;
    }

    private byte[] Mark(RecordKind kind)
    {
        var payload = BatchPayload.Encode(StreamId, [.. sizes.Keys]);
        return Add(RecordHeader.Mark(kind, Last + 1, Epoch.Value, payload.Length, Micros()), payload);
    }

    private byte[] Add(RecordHeader header, byte[] data)
    {
        var record = new byte[RecordCodec.SizeOf(data.Length)];
        RecordCodec.Write(record, header, data);
        _records.Add(record);
        return record;
    }

    private long Micros() => _clock.ToUnixTimeMilliseconds() * 1000;
}
