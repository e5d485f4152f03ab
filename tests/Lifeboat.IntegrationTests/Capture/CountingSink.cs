// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.IntegrationTests.Capture;

/// <summary>Takes writes without keeping them, and none once it is lost.</summary>
internal sealed class CountingSink : ICaptureSink
{
    private int _writes;
    private volatile bool _lost;

    public int Writes => _writes;
    public bool IsLost => _lost;

    public bool Write(long offset, ReadOnlySpan<byte> data) => Taken();

    public bool Zero(long offset, long length) => Taken();

    public void Lost() => _lost = true;

    private bool Taken()
    {
        if (_lost) return false;
        Interlocked.Increment(ref _writes);
        return true;
    }
}
