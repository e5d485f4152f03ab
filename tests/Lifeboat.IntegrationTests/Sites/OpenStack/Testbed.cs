// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// Sites of `./testbed` that are up already: this suite starts none. They are in `LIFEBOAT_TESTBED`, else in
/// `artifacts/testbed` of the source tree.
/// </summary>
internal static class Testbed
{
    public const string Member = "lifeboat-a";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static async Task<CloudSession> OpenAsync(string cloud, CancellationToken ct) =>
        new(await SettingsAsync(cloud, ct), null, CloudHttpOptions.Default, TimeProvider.System,
            NullLoggerFactory.Instance);

    public static string File => Path.Combine(Environment.GetEnvironmentVariable("LIFEBOAT_TESTBED")
        ?? Path.Combine(SourceTree(), "artifacts", "testbed"), "clouds.yaml");

    public static async Task<CloudSettings> SettingsAsync(string cloud, CancellationToken ct)
    {
        if (!System.IO.File.Exists(File)) Assert.Skip($"no testbed: {File} is not there; ./testbed up makes it");
        var settings = CloudsFile.Read(CloudsSearch.OfThisProcess(File), cloud);
        if (!await AnswersAsync(settings.AuthUrl, ct))
            Assert.Skip($"site a of the testbed is not up: nothing answers at {settings.AuthUrl}");
        return settings;
    }

    private static string SourceTree()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (at is not null && !System.IO.File.Exists(Path.Combine(at.FullName, "Lifeboat.slnx"))) at = at.Parent;
        return at?.FullName ?? AppContext.BaseDirectory;
    }

    private static async Task<bool> AnswersAsync(Uri url, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Patience);
        try
        {
            using var tcp = new TcpClient();
            await tcp.ConnectAsync(url.Host, url.Port, limit.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException
            || e is OperationCanceledException && !ct.IsCancellationRequested)
        {
            return false;
        }
    }
}
