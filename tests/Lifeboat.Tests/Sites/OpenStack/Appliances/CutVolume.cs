// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack.Filling;

namespace Lifeboat.Tests.Sites.OpenStack.Appliances;

/// <summary>A volume whose way is gone after so many writes; what was written before is in it.</summary>
internal sealed class CutVolume(IOpenVolume inner, int writes) : IOpenVolume
{
    private int _left = writes;

    public long SizeBytes => inner.SizeBytes;

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        Interlocked.Decrement(ref _left) >= 0 ? inner.WriteAsync(offset, data, ct) : throw Gone();

    public ValueTask ZeroAsync(long offset, long length, CancellationToken ct) => inner.ZeroAsync(offset, length, ct);

    public ValueTask FlushAsync(CancellationToken ct) => _left >= 0 ? inner.FlushAsync(ct) : throw Gone();

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private static SiteException Gone() => new(SiteFault.CloudUnavailable, "the appliance is gone");
}
