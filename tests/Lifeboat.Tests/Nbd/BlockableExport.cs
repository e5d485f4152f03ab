// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;

namespace Lifeboat.Tests.Nbd;

/// <summary>A disk whose writes wait until the test lets them go, and that says when a batch ends.</summary>
internal sealed class BlockableExport : INbdExport, IDisposable
{
    private readonly MemoryExport _inner = new("disk", 1024 * 1024);

    public NbdExportInfo Info => _inner.Info;

    public ManualResetEventSlim Gate { get; } = new(initialState: true);

    public SemaphoreSlim Entered { get; } = new(0);

    public List<string> Calls { get; } = [];

    public NbdError BatchError { get; set; }

    public NbdError Read(long offset, Span<byte> buffer) => _inner.Read(offset, buffer);

    public NbdError Write(long offset, ReadOnlySpan<byte> data, bool fua)
    {
        Calls.Add("write");
        Entered.Release();
        Gate.Wait();
        return _inner.Write(offset, data, fua);
    }

    public NbdError EndOfBatch()
    {
        Calls.Add("end");
        return BatchError;
    }

    public void Dispose()
    {
        Gate.Set();
        Gate.Dispose();
    }
}
