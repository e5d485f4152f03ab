// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Globalization;
using Lifeboat.Cli.Doctor;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

/// <summary>Looks for what is wrong, also when nothing runs, and packs what somebody who helps needs.</summary>
internal sealed class DoctorCommand : LifeboatCommand
{
    private readonly Option<string?> _bundle = new("--bundle", "-f")
    {
        Description = "Where the support bundle goes [default: lifeboat-doctor-SITE-TIME.tar.gz here]",
        HelpName = "FILE",
    };
    private readonly Option<bool> _none = new("--no-bundle") { Description = "Only say what is wrong" };

    public DoctorCommand() : base(null, "doctor",
        "Look for what is wrong with the site on this host, and write a support bundle without secrets")
    {
        Add(_bundle);
        Add(_none);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        if (!parsed.GetValue(_none) && parsed.GetValue(_bundle) is { } wanted)
        {
            UserFile.MustBeWritable(_bundle.Name, wanted);
            if (File.Exists(wanted))
                throw new ProblemException(ReasonCode.Conflict, $"{_bundle.Name}: {Path.GetFullPath(wanted)} exists",
                    "Name another file.");
        }
        // A site that lost its configuration still has its keys.
        if (!File.Exists(session.Paths.Configuration) && !Directory.Exists(Path.GetDirectoryName(session.Paths.CaKey)))
            throw new ProblemException(ReasonCode.SiteUnknown, $"{session.SiteDirectory} is not a site directory",
                "The doctor looks at a site on its own host: name its directory with -d.");
        var examination = new SiteExamination(session.Paths, session.Time);
        var findings = new List<Finding>(await examination.LookAsync(ct));
        var bundle = new SupportBundle(session.Paths, new Redaction(Secrets(session)), session.Time);
        bundle.AddSite();
        if (File.Exists(session.Paths.ControllerSocket))
        {
            try
            {
                findings.AddRange(await AskAsync(session, examination, bundle, ct));
            }
            catch (ProblemException e)
            {
                bundle.Add("api/refused.txt", e.Message);
            }
        }
        bundle.Add("findings.json", findings);
        Write(session, findings);
        if (!parsed.GetValue(_none))
        {
            var path = parsed.GetValue(_bundle) ?? DefaultName(session);
            bundle.Write(path);
            session.Output.Talk($"{path}: {bundle.Entries} files, without keys, tokens, passwords or disk content");
        }
        var wrong = findings.Count(f => f.Wrong is not null);
        session.Output.Talk(wrong == 0 ? "nothing is wrong" : $"{wrong} of {findings.Count} are not well");
        return ExitCode.Ok;
    }

    private static async Task<IReadOnlyList<Finding>> AskAsync(CommandSession session, SiteExamination examination,
        SupportBundle bundle, CancellationToken ct)
    {
        var controller = session.Controller;
        var (site, status) = (await controller.SiteAsync(ct), await controller.StatusAsync(ct));
        bundle.Add("api/site.json", site);
        bundle.Add("api/status.json", status);
        bundle.Add("api/groups.json", await controller.GroupsAsync(ct));
        bundle.Add("api/instances.json", await controller.InstancesAsync(ct));
        bundle.Add("api/controllers.json", await controller.ControllersAsync(ct));
        bundle.Add("api/runs.json", await controller.RunsAsync(null, ct));
        bundle.Add("api/events.json", await controller.EventsAsync(ct));
        bundle.Add("api/alert-targets.json", await controller.AlertTargetsAsync(ct));
        bundle.Add("api/metrics.txt", await controller.MetricsAsync(ct));
        return examination.Of(site, status);
    }

    private static void Write(CommandSession session, IReadOnlyList<Finding> findings) =>
        session.Output.Write(findings, table =>
        {
            table.AddColumns("looked at", "saw", "wrong", "what to do");
            foreach (var f in findings.OrderBy(f => f.Wrong is null))
                table.AddRow(f.What, f.Saw ?? "", f.Wrong ?? "", f.Wrong is null ? "" : f.Advice ?? "");
        });

    // Wherever one of these turned up in a log, it does not leave the site.
    private static IEnumerable<string> Secrets(CommandSession session)
    {
        var keys = Path.GetDirectoryName(session.Paths.CaKey)!;
        var files = Directory.Exists(keys) ? Directory.EnumerateFiles(keys, "*.key").ToList() : [];
        if (Examined(session) is { DatabasePasswordFile: { } password })
            files.Add(Path.Combine(session.SiteDirectory, password));
        return files.Where(File.Exists).Select(File.ReadAllText);
    }

    private static SiteConfiguration? Examined(CommandSession session)
    {
        try
        {
            return SiteConfiguration.Read(session.SiteDirectory);
        }
        catch (ProblemException)
        {
            return null; // the examination says what is wrong with it
        }
    }

    private static string DefaultName(CommandSession session)
    {
        var site = Path.GetFileName(session.SiteDirectory.TrimEnd('/'));
        return string.Create(CultureInfo.InvariantCulture,
            $"lifeboat-doctor-{site}-{session.Time.GetUtcNow():yyyyMMdd-HHmmss}.tar.gz");
    }
}
