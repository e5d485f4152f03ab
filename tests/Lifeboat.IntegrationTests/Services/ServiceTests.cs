// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Lifeboat.IntegrationTests.Services;

/// <summary>A site whose controller and agent are services of a real systemd.</summary>
public sealed class ServiceTests : IDisposable
{
    private const string Controller = "lifeboat-controller-s.service";
    private const string Agent = "lifeboat-agent-s.service";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly string _site = Directory.CreateTempSubdirectory("lb-").FullName;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_site, recursive: true);

    [Fact]
    public async Task Systemd_keeps_a_site_running_and_stops_it_when_told()
    {
        if (SystemdMachine.Missing is { } missing) Assert.Skip(missing);
        await using var machine = await SystemdMachine.BootAsync(_site, Ct);
        await Lifeboat(machine, "site", "init", "--name", "s");
        // Ready means that it answers: enable --now returns after that.
        await Lifeboat(machine, "agent", "install");
        await Lifeboat(machine, "controller", "install");
        Assert.Equal("active active", await States(machine));
        using (var site = JsonDocument.Parse(await Lifeboat(machine, "-o", "json", "site", "get")))
            Assert.Equal("s", site.RootElement.GetProperty("agent").GetProperty("site").GetString());

        // A watchdog that is killed is brought back, and takes over the agent that went on.
        var agent = await File.ReadAllTextAsync(Path.Combine(_site, "run", "agent.pid"), Ct);
        var watchdog = await machine.ShowAsync(Agent, "MainPID", Ct);
        await machine.MustAsync(["kill", "-KILL", watchdog], Ct);
        await EventuallyAsync(async () => await machine.ShowAsync(Agent, "MainPID", Ct) is not "0" and var now
            && now != watchdog && await States(machine) == "active active");
        Assert.Equal(agent, await File.ReadAllTextAsync(Path.Combine(_site, "run", "agent.pid"), Ct));

        // A controller that hangs gives no sign of life.
        var hung = await machine.ShowAsync(Controller, "MainPID", Ct);
        await Shorten(machine, Controller, TimeSpan.FromSeconds(2));
        var restarted = await machine.ShowAsync(Controller, "MainPID", Ct);
        Assert.NotEqual(hung, restarted);
        await machine.MustAsync(["kill", "-STOP", restarted], Ct);
        await EventuallyAsync(async () => await machine.ShowAsync(Controller, "MainPID", Ct) is not "0" and var now
            && now != restarted && await States(machine) == "active active");

        await Lifeboat(machine, "site", "stop");
        Assert.Equal("inactive inactive", await States(machine));
        Assert.Empty(Directory.GetFiles(Path.Combine(_site, "run"), "*.pid"));
        await Lifeboat(machine, "site", "start");
        Assert.Equal("active active", await States(machine));

        await Lifeboat(machine, "agent", "uninstall");
        await Lifeboat(machine, "controller", "uninstall");
        Assert.Equal("not-found", await machine.ShowAsync(Agent, "LoadState", Ct));
        Assert.Equal("not-found", await machine.ShowAsync(Controller, "LoadState", Ct));
        Assert.Empty(Directory.GetFiles(Path.Combine(_site, "run"), "*.pid"));
    }

    private async Task<string> Lifeboat(SystemdMachine machine, params string[] arguments)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "lifeboat.dll");
        return await machine.MustAsync(["dotnet", program, "-d", _site, .. arguments], Ct);
    }

    private static async Task<string> States(SystemdMachine machine) =>
        await machine.ShowAsync(Agent, "ActiveState", Ct) + " "
            + await machine.ShowAsync(Controller, "ActiveState", Ct);

    private static async Task Shorten(SystemdMachine machine, string unit, TimeSpan watchdog)
    {
        var seconds = watchdog.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        await machine.MustAsync(["sh", "-c", $"mkdir -p /run/systemd/system/{unit}.d && "
            + $"printf '[Service]\\nWatchdogSec={seconds}\\n' >/run/systemd/system/{unit}.d/short.conf"], Ct);
        await machine.MustAsync(["systemctl", "daemon-reload"], Ct);
        await machine.MustAsync(["systemctl", "restart", unit], Ct);
    }

    private static async Task EventuallyAsync(Func<Task<bool>> holds)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await holds())
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < Limit, "it did not come to that");
            await Task.Delay(100, Ct);
        }
    }
}
