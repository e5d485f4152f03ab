// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.IntegrationTests.Capture;

/// <summary>The simplest recovery site: applies what is captured, and lets pulled data never overwrite it.</summary>
internal sealed class MirroredImage(long sizeBytes) : ICaptureSink
{
    private readonly Lock _lock = new();
    private readonly byte[] _image = new byte[sizeBytes];
    private readonly HashSet<long> _fresh = [];

    public bool GiveUp { get; set; }
    public bool IsLost { get; private set; }
    public long Writes { get; private set; }

    public bool Write(long offset, ReadOnlySpan<byte> data)
    {
        if (GiveUp) return false;
        lock (_lock)
        {
            data.CopyTo(_image.AsSpan((int)offset));
            Track(offset, data.Length);
        }
        return true;
    }

    public bool Zero(long offset, long length)
    {
        if (GiveUp) return false;
        lock (_lock)
        {
            _image.AsSpan((int)offset, (int)length).Clear();
            Track(offset, length);
        }
        return true;
    }

    public void Lost() => IsLost = true;

    /// <summary>Pulls the gap of an attached tap; returns the bytes that were moved.</summary>
    public async Task<long> PullAsync(IDiskTap tap, GapMap map)
    {
        long moved = 0;
        foreach (var extent in await tap.GapAsync(map, 0, tap.SizeBytes, CancellationToken.None))
        {
            var data = new byte[extent.Length];
            if (!extent.Zero)
            {
                await tap.ReadAsync(extent.Offset, data, CancellationToken.None);
                moved += extent.Length;
            }
            Apply(extent.Offset, data);
        }
        return moved;
    }

    public void ForgetFresh()
    {
        lock (_lock) _fresh.Clear();
    }

    public byte[] Snapshot()
    {
        lock (_lock) return (byte[])_image.Clone();
    }

    private void Apply(long offset, byte[] data)
    {
        lock (_lock)
            for (var at = 0; at < data.Length; at += 512)
                if (!_fresh.Contains((offset + at) / 512))
                    data.AsSpan(at, 512).CopyTo(_image.AsSpan((int)(offset + at)));
    }

    private void Track(long offset, long length)
    {
        Writes++;
        for (var sector = offset / 512; sector < (offset + length + 511) / 512; sector++) _fresh.Add(sector);
    }
}
