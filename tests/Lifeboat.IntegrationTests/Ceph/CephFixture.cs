// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Ceph;

namespace Lifeboat.IntegrationTests.Ceph;

/// <summary>One cluster for all tests that need one, where there can be one; they run one after another.</summary>
public sealed class CephFixture : IAsyncLifetime
{
    private CephCluster? _cluster;

    /// <summary>Skips the test that asks where there is none.</summary>
    public CephCluster Cluster
    {
        get
        {
            if (CephCluster.Missing is { } missing) Assert.Skip(missing);
            return _cluster!;
        }
    }

    public async ValueTask InitializeAsync()
    {
        if (CephCluster.Missing is null) _cluster = await CephCluster.StartAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null) await _cluster.DisposeAsync();
    }
}

[CollectionDefinition(Name)]
public sealed class CephTests : ICollectionFixture<CephFixture>
{
    public const string Name = "ceph";
}
