// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.IntegrationTests.Sites.OpenStack.Faults;

/// <summary>One <see cref="FaultyCloudPair"/> for all tests of a class; begun by the first, which may skip.</summary>
public sealed class FaultyCloudFixture : IAsyncDisposable
{
    private FaultyCloudPair? _pair;

    internal async Task<FaultyCloudPair> PairAsync(CancellationToken ct) =>
        _pair ??= await FaultyCloudPair.StartAsync("lb-fault", ct);

    public async ValueTask DisposeAsync()
    {
        if (_pair is not null) await _pair.DisposeAsync();
    }
}
