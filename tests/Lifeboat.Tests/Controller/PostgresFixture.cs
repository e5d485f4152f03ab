// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Tests.Controller;
using Lifeboat.Testing.Databases;

[assembly: AssemblyFixture(typeof(PostgresFixture))]

namespace Lifeboat.Tests.Controller;

/// <summary>One server for all tests that need one, started by the first of them.</summary>
public sealed class PostgresFixture : IAsyncDisposable
{
    private readonly SemaphoreSlim _alone = new(1, 1);
    private PostgresServer? _server;
    private int _databases;

    /// <summary>An empty database; skips the test that asks where there can be none.</summary>
    public async Task<string> EmptyAsync()
    {
        if (PostgresServer.Missing is { } missing) Assert.Skip(missing);
        await _alone.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            _server ??= await PostgresServer.StartAsync(CancellationToken.None);
        }
        finally
        {
            _alone.Release();
        }
        var name = "d" + Interlocked.Increment(ref _databases).ToString(CultureInfo.InvariantCulture);
        return await _server.CreateDatabaseAsync(name, TestContext.Current.CancellationToken);
    }

    /// <summary>Ends all connections to a database, as a restart of the server does.</summary>
    public Task CutOffAsync(string database) => _server!.PsqlAsync("postgres",
        $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'",
        TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        _alone.Dispose();
        if (_server is not null) await _server.DisposeAsync();
    }
}
