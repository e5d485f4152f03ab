// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Filling;

/// <summary>A volume that can be read as well where it is written: what it holds can be compared.</summary>
internal interface IReadableVolume : IOpenVolume
{
    /// <exception cref="SiteException">As for <see cref="IOpenVolume.WriteAsync"/>.</exception>
    ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct);
}
