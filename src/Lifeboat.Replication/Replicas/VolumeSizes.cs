// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// How long each volume is at each sequence. A volume that a group was given later has no bytes before its first size.
/// Changed by the receiver alone; read from any thread.
/// </summary>
internal sealed class VolumeSizes
{
    private volatile IReadOnlyDictionary<ushort, Step[]> _steps;
    // Those that are not there from the base on: few, and asked for at every point.
    private volatile ushort[] _late;

    public VolumeSizes(IEnumerable<ManifestVolume> atBase)
    {
        _steps = atBase.ToDictionary(v => v.Index, v => new[] { new Step(0, v.SizeBytes) });
        _late = LateOf(_steps);
    }

    /// <summary>Behind the last record.</summary>
    public IReadOnlyDictionary<ushort, long> Latest => _steps.ToDictionary(s => s.Key, s => s.Value[^1].SizeBytes);

    /// <summary>Volumes that are there at a sequence.</summary>
    public IReadOnlyDictionary<ushort, long> At(long sequence) => _steps
        .Select(s => (Volume: s.Key, Size: Array.FindLast(s.Value, step => step.From <= sequence).SizeBytes))
        .Where(s => s.Size > 0).ToDictionary(s => s.Volume, s => s.Size);

    public long At(ushort volume, long sequence) => At(sequence).GetValueOrDefault(volume);

    /// <summary>Volumes that come later than a sequence, by index.</summary>
    public IEnumerable<ushort> LaterThan(long sequence) => _late.Where(v => At(v, sequence) == 0).Order();

    public void Add(in RecordHeader header)
    {
        if (header.Kind != RecordKind.VolumeSize) return;
        var (volume, step) = (header.Volume, new Step(header.Sequence, header.Offset));
        if (_steps.TryGetValue(volume, out var before) && before[^1].SizeBytes == step.SizeBytes) return;
        _steps = new Dictionary<ushort, Step[]>(_steps) { [volume] = [.. before ?? [], step] };
        if (before is null) _late = LateOf(_steps);
    }

    private static ushort[] LateOf(IReadOnlyDictionary<ushort, Step[]> steps) =>
        [.. steps.Where(s => s.Value[0] is { From: > 0 } or { SizeBytes: 0 }).Select(s => s.Key)];

    private readonly record struct Step(long From, long SizeBytes);
}
