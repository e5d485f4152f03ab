// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Controller;

/// <summary>Makes the directory of a new site: configuration, CA, certificates.</summary>
public static class SiteInitializer
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <param name="begin">Called when all is checked and nothing is made yet.</param>
    /// <exception cref="ProblemException">InvalidRequest; Conflict when a site is there already.</exception>
    public static void Init(string directory, string name, string controllerListen, string linkListen,
        string? linkAdvertise = null, string? database = null, string? databasePasswordFile = null,
        Action? begin = null)
    {
        var configuration = new SiteConfiguration
        {
            Name = name,
            ControllerListen = controllerListen,
            LinkListen = linkListen,
            LinkAdvertise = linkAdvertise,
            Database = database,
            DatabasePasswordFile = databasePasswordFile,
        };
        var problems = configuration.Problems().ToList();
        if (database is not null) problems.AddRange(PostgresSettings.Problems(database));
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, "the site cannot be set up so", null, problems);
        var paths = new SitePaths(Path.GetFullPath(directory));
        if (File.Exists(paths.Configuration))
        {
            throw new ProblemException(ReasonCode.Conflict, $"{paths.Root} is a site already",
                "Choose another directory, or remove it first.");
        }
        begin?.Invoke();
        foreach (var folder in Folders(paths))
            Directory.CreateDirectory(folder, OwnerOnly);
        SiteAuthority.Create(paths, configuration, TimeProvider.System);
        SiteKey.Open(paths);
        // Last: its presence says that the site is complete.
        PrivateFile.Write(paths.Configuration, JsonSerializer.Serialize(configuration, ContractJson.Indented) + "\n");
    }

    /// <summary>
    /// Makes the directory of one more agent: all that it will be given when it enrols from a host of its own.
    /// </summary>
    /// <exception cref="ProblemException">SiteUnknown, InvalidRequest; Conflict: there is such a host.</exception>
    /// <param name="begin">Called when all is checked and nothing is made yet.</param>
    public static SitePaths AddAgent(string siteDirectory, AgentConfiguration agent, TimeProvider time,
        Action? begin = null)
    {
        var site = SiteConfiguration.Read(siteDirectory);
        var paths = new SitePaths(Path.GetFullPath(siteDirectory));
        var problems = agent.Problems().ToList();
        if (File.Exists(paths.AgentFile)) problems.Add($"{paths.Root} is the directory of an agent, not of a site");
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, "the agent cannot be added so", null, problems);
        if (paths.FurtherHosts().Contains(agent.Host))
            throw new ProblemException(ReasonCode.Conflict, $"site {site.Name} has an agent at host {agent.Host}");
        begin?.Invoke();
        var place = paths.OfHost(agent.Host);
        // Of an attempt that was cut short nothing is worth keeping; it never ran.
        if (Directory.Exists(place.Root)) Directory.Delete(place.Root, recursive: true);
        foreach (var folder in new[]
        {
            paths.Agents, place.Root, Path.GetDirectoryName(place.AgentKey)!, place.Run, place.Logs, place.Views,
            place.Replicas,
        })
            Directory.CreateDirectory(folder, OwnerOnly);
        // What is the site's is read where the site has it, so that a new peer or another setting is known at once.
        File.CreateSymbolicLink(place.Configuration, Path.GetRelativePath(place.Root, paths.Configuration));
        var trust = Path.GetDirectoryName(place.TrustAnchors)!;
        Directory.CreateSymbolicLink(place.TrustAnchors, Path.GetRelativePath(trust, paths.TrustAnchors));
        File.CreateSymbolicLink(place.CaCertificate, Path.GetRelativePath(trust, paths.CaCertificate));
        SiteAuthority.IssueAgent(paths, site, place, time);
        // Last: its presence says that the agent is complete.
        PrivateFile.Write(place.AgentFile, JsonSerializer.Serialize(agent, ContractJson.Indented) + "\n");
        return place;
    }

    /// <summary>Makes the directory of one more controller, which shares the site's CA, agents and database.</summary>
    /// <exception cref="ProblemException">
    /// SiteUnknown, InvalidRequest; Conflict: there is such a controller, or the site's database serves only one.
    /// </exception>
    /// <param name="begin">Called when all is checked and nothing is made yet.</param>
    public static SitePaths AddController(string siteDirectory, ControllerConfiguration controller, TimeProvider time,
        Action? begin = null)
    {
        var paths = new SitePaths(Path.GetFullPath(siteDirectory));
        var site = SiteConfiguration.Read(siteDirectory);
        var problems = controller.Problems().ToList();
        if (File.Exists(paths.AgentFile)) problems.Add($"{paths.Root} is the directory of an agent, not of a site");
        if (File.Exists(paths.ControllerFile))
            problems.Add($"{paths.Root} is the directory of a controller, not of a site");
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, "the controller cannot be added so", null, problems);
        if (site.Database is null)
            throw new ProblemException(ReasonCode.Conflict,
                $"site {site.Name} has its database in a SQLite file, which serves one controller",
                "Move it into PostgreSQL first: docs/operating/database.md says how.");
        if (paths.FurtherControllers().Contains(controller.Name))
            throw new ProblemException(ReasonCode.Conflict, $"site {site.Name} has a controller {controller.Name}");
        begin?.Invoke();
        var place = paths.OfController(controller.Name);
        // Of an attempt that was cut short nothing is worth keeping; it never ran.
        if (Directory.Exists(place.Root)) Directory.Delete(place.Root, recursive: true);
        foreach (var folder in new[]
        {
            paths.Controllers, place.Root, Path.GetDirectoryName(place.ControllerKey)!, place.Run, place.Logs,
        })
            Directory.CreateDirectory(folder, OwnerOnly);
        File.CreateSymbolicLink(place.Configuration, Path.GetRelativePath(place.Root, paths.Configuration));
        SiteAuthority.IssueController(paths, site with { ControllerListen = controller.Listen }, place, time);
        // Last: its presence says that the controller is complete.
        PrivateFile.Write(place.ControllerFile, JsonSerializer.Serialize(controller, ContractJson.Indented) + "\n");
        return place;
    }

    private static IEnumerable<string> Folders(SitePaths paths) =>
    [
        paths.Root, Path.GetDirectoryName(paths.CaKey)!, paths.TrustAnchors, paths.Run, paths.Logs, paths.Instances,
        paths.Replicas, paths.Views, paths.Reports, paths.Boot,
    ];
}
