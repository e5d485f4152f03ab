// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Contracts;

namespace Lifeboat.Cli;

/// <summary>What a command works with: the site's directory, its controller, the output.</summary>
internal sealed class CommandSession(string siteDirectory, CommandOutput output, TimeProvider time) : IAsyncDisposable
{
    private ControllerClient? _controller;

    public string SiteDirectory => siteDirectory;
    public SitePaths Paths { get; } = new(siteDirectory);
    public CommandOutput Output => output;
    public TimeProvider Time => time;
    /// <summary>Null: the controller of the site's directory, over its socket.</summary>
    public string? Profile { get; init; }
    /// <summary>A name in `clouds.yaml`; it comes before a profile. Null: no cloud is asked.</summary>
    public string? OsCloud { get; init; }
    public string? Tenant { get; init; }
    /// <summary>The command is only tried: nothing may be changed.</summary>
    public bool IsDryRun { get; init; }

    /// <exception cref="ProblemException">SiteUnknown: the directory is not a site's.</exception>
    public ControllerClient Controller => _controller ??= Connect();

    /// <summary>The same place, about another tenant.</summary>
    public CommandSession Of(string? tenant) => new(siteDirectory, output, time)
    {
        Profile = Profile,
        OsCloud = OsCloud,
        Tenant = tenant,
        IsDryRun = IsDryRun,
    };

    /// <summary>To be said by a command that changes something itself: all is checked, nothing is done yet.</summary>
    /// <param name="what">What it would do next.</param>
    /// <exception cref="DryRunEndException">It was only to be tried.</exception>
    public void Begin(string what)
    {
        if (IsDryRun) throw new DryRunEndException(new DryRunAnswer(what, $"at {siteDirectory}", []), null);
    }

    public Guid PointId(string text) => Guid.TryParse(text, out var id) ? id : throw new ProblemException(
        ReasonCode.PointUnknown, $"'{text}' is not the id of a recovery point",
        "`lifeboat point list GROUP` shows them.");

    public Guid RunId(string text) => Guid.TryParse(text, out var id) ? id : throw new ProblemException(
        ReasonCode.RunUnknown, $"'{text}' is not the id of a run", "`lifeboat run list` shows them.");

    private ControllerClient Connect()
    {
        if (OsCloud is { } cloud)
            return new ControllerClient(Tried(new CloudHandler(cloud, Tenant, time)), CloudHandler.Somewhere);
        if (Profile is { } profile)
        {
            var access = ProfileFile.Read(profile);
            if (Tenant is not null) access = access with { Tenant = Tenant };
            return new ControllerClient(Tried(new ControllerHandler(access)), access.Url);
        }
        if (!File.Exists(Paths.Configuration))
            throw new ProblemException(ReasonCode.SiteUnknown, $"{siteDirectory} is not a site directory",
                $"Name one with -d or ${GlobalOptions.SiteVariable}, or make one with `lifeboat site init`.");
        if (!File.Exists(Paths.ControllerSocket))
            throw new ProblemException(ReasonCode.ControllerUnreachable, "the controller does not run",
                $"Start it with `lifeboat -d {siteDirectory} site start`.");
        return Tenant is null && !IsDryRun ? new ControllerClient(Paths.ControllerSocket) : new ControllerClient(
            Tried(TenantHeader.Over(UnixSocketHttp.Handler(Paths.ControllerSocket), Tenant)),
            new Uri("http://controller/"));
    }

    private HttpMessageHandler Tried(HttpMessageHandler handler) => IsDryRun ? new DryRunHandler(handler) : handler;

    public ValueTask DisposeAsync()
    {
        _controller?.Dispose();
        return ValueTask.CompletedTask;
    }
}
