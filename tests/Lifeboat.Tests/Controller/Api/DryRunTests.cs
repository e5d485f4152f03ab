// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Net;
using System.Text;
using System.Text.Json;
using Dapper;
using Lifeboat.Cli;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Api.Description;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Tests.Tidy;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>What changes something can be tried, is told its faults, and changes nothing then.</summary>
public sealed class DryRunTests(ITestOutputHelper output)
{
    // What people define and ask for. What loops write by themselves is not in it.
    private static readonly (string Rows, string Columns)[] Defined =
    [
        ("groups", "name, removed, definition"), ("runs", "id"), ("run_signals", "run, signal"),
        ("users", "tenant, name, body, password"), ("tenants", "name, body"), ("api_tokens", "id, revoked_at"),
        ("tokens", "id"), ("policies", "name, version, body"), ("alert_targets", "name, body"),
        ("alert_deliveries", "id"), ("prices", "name, body"), ("peers", "name"), ("operations", "id"),
        ("request_keys", "caller, request_key"), ("secrets", "name"), ("instance_tenants", "instance, tenant"),
        ("follow_ups", "id, closed_at"), ("specs", "name, role, active"), ("evacuations", "id, body"),
        ("evacuees", "name"),
        // The other site tells of itself meanwhile.
        ("audit WHERE actor = 'local'", "number, action, subject"),
    ];

    [Fact]
    public void Every_command_either_reads_or_can_be_tried_or_it_is_said_why_not()
    {
        var commands = Commands(CommandTree.Build()).ToDictionary(c => c.FullName);
        var faults = new List<string>();
        foreach (var (name, command) in commands)
        {
            var listed = DryRuns.Read.Contains(name) || DryRuns.Without.ContainsKey(name);
            if (command.Options.Any(o => o.Name == "--dry-run") == listed)
                faults.Add(listed ? $"{name} is listed and takes --dry-run" : $"{name} has no --dry-run");
        }
        string[] known = [.. DryRuns.Read, .. DryRuns.Without.Keys, .. DryRuns.Own];
        faults.AddRange(known.Except(commands.Keys).Select(n => $"there is no command {n}"));
        faults.AddRange(known.GroupBy(n => n).Where(g => g.Count() > 1).Select(g => $"{g.Key} is listed twice"));
        // What is said to read asks for nothing that changes.
        var changes = ApiOperations.All.Values.Where(o => o.Changes)
            .Select(o => $".{char.ToUpperInvariant(o.Id[0])}{o.Id[1..]}Async(").ToList();
        foreach (var name in DryRuns.Read)
        {
            var source = File.ReadAllText(Path.Combine(SourceTree.Root, "src/Lifeboat.Cli/Commands",
                $"{commands[name].GetType().Name}.cs"));
            faults.AddRange(changes.Where(source.Contains).Select(c => $"{name} is said to read and calls {c}"));
        }
        Assert.True(faults.Count == 0, string.Join("\n", faults));
    }

    [Fact]
    public async Task Every_change_of_the_API_can_be_tried_and_leaves_nothing()
    {
        await using var sites = await ReadyAsync();
        using var http = new HttpClient(UnixSocketHttp.Handler(sites.A.Paths.ControllerSocket));
        var before = Dump(sites.A);
        var answers = new Dictionary<HttpStatusCode, int>();
        foreach (var (method, path, body) in Changes(sites.A))
        {
            using var request = new HttpRequestMessage(method, $"http://controller{path}?dryRun=true");
            request.Headers.Add(RequestKey.Header, Guid.NewGuid().ToString());
            request.Headers.Add("Prefer", "respond-async");
            if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await http.SendAsync(request, Ct);
            var text = await answer.Content.ReadAsStringAsync(Ct);
            answers[answer.StatusCode] = answers.GetValueOrDefault(answer.StatusCode) + 1;
            Assert.True(answer.StatusCode is not HttpStatusCode.InternalServerError, $"{method} {path}: {text}");
            Assert.True(answer.IsSuccessStatusCode == answer.Headers.Contains(DryRunAnswer.Header),
                $"{method} {path}: {(int)answer.StatusCode} {text}");
            if (answer.IsSuccessStatusCode)
                Assert.StartsWith($"{method} {path}",
                    JsonSerializer.Deserialize<DryRunAnswer>(text, ContractJson.Answers)!.Request);
            Assert.Equal(before, Dump(sites.A));
        }
        output.WriteLine(string.Join(", ", answers.Select(a => $"{a.Value} answered {(int)a.Key}")));
        Assert.True(answers[HttpStatusCode.OK] > 20, "most can be tried as they are");
    }

    [Fact]
    public async Task Every_command_that_takes_it_changes_nothing_with_it()
    {
        await using var sites = await ReadyAsync();
        var before = Dump(sites.A);
        var root = CommandTree.Build();
        var codes = new SortedDictionary<string, int>();
        foreach (var command in Commands(root).Where(c => DryRuns.Offers(c.FullName)))
        {
            var parsed = root.Parse(["-d", sites.A.Paths.Root, .. command.FullName.Split(' '), .. Arguments(command),
                "--dry-run"]);
            Assert.True(parsed.Errors.Count == 0, $"{command.FullName}: {string.Join(", ", parsed.Errors)}");
            codes[command.FullName] = await parsed.InvokeAsync(new InvocationConfiguration(), Ct);
            Assert.Equal(before, Dump(sites.A));
        }
        output.WriteLine(string.Join("\n", codes.Select(c => $"{c.Key}: {c.Value}")));
        Assert.DoesNotContain(ExitCode.From(ReasonCode.Unexpected), codes.Values);
        Assert.True(codes.Values.Count(c => c == ExitCode.Ok) > codes.Count / 3, "many can be tried with these words");
        Assert.NotNull(await sites.A.Client.SiteAsync(Ct));
    }

    [Fact]
    public async Task What_would_be_refused_is_refused_with_all_faults()
    {
        await using var sites = await ReadyAsync();
        var refusals = new (HttpMethod Method, string Path, object? Body, ReasonCode Reason, string Says)[]
        {
            (HttpMethod.Delete, "/v1/groups/none", null, ReasonCode.GroupUnknown, "none"),
            (HttpMethod.Post, $"/v1/runs/{Guid.NewGuid()}/cancel", null, ReasonCode.RunUnknown, "no run"),
            (HttpMethod.Post, "/v1/policies", new { name = "gold" }, ReasonCode.Conflict, "gold already"),
            (HttpMethod.Post, "/v1/policies", new { name = "No name", description = new string('x', 300) },
                ReasonCode.InvalidRequest, "200"),
            (HttpMethod.Patch, "/v1/groups/shop/policy", new { rpoTarget = "-00:00:01", follow = "tin" },
                ReasonCode.InvalidRequest, "tin"),
            (HttpMethod.Delete, "/v1/tenants/default", null, ReasonCode.NotAllowed, "stays"),
            (HttpMethod.Put, "/v1/alert-targets/hook", new { kind = "webhook" }, ReasonCode.InvalidRequest, "url"),
        };
        using var http = new HttpClient(UnixSocketHttp.Handler(sites.A.Paths.ControllerSocket));
        foreach (var (method, path, body, reason, says) in refusals)
        {
            using var request = new HttpRequestMessage(method, $"http://controller{path}?dryRun=true");
            if (body is not null) request.Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8,
                "application/json");
            using var answer = await http.SendAsync(request, Ct);
            var text = await answer.Content.ReadAsStringAsync(Ct);
            Assert.True(text.Contains($"\"reason\":\"{TokenHttp.Kebab(reason)}\"")
                && text.Contains(says, StringComparison.OrdinalIgnoreCase), $"{method} {path}: {text}");
        }
        // Only what changes takes it.
        using var read = await http.GetAsync("http://controller/v1/groups?dryRun=true", Ct);
        Assert.Equal(HttpStatusCode.BadRequest, read.StatusCode);
    }

    private static async Task<TwoSites> ReadyAsync()
    {
        var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await sites.A.Client.CreatePolicyAsync(new CreatePolicyRequest { Name = "gold" }, Ct);
        await sites.A.Client.CreateTenantAsync(new() { Name = "acme" }, Ct);
        await sites.A.Client.CreateUserAsync(new CreateUserRequest { Name = "eve" }, Ct);
        // Its line in the audit log is written when it has been answered.
        while (!Dump(sites.A).Contains("/v1/users", StringComparison.Ordinal)) await Task.Delay(20, Ct);
        return sites;
    }

    private static IEnumerable<LifeboatCommand> Commands(Command above) =>
        above.Subcommands.SelectMany(Commands).Concat(above is LifeboatCommand command ? [command] : []);

    private static string Dump(TestSite site)
    {
        using var connection = site.Services.GetRequiredService<ControllerDatabase>().Open();
        return string.Join("\n", Defined.SelectMany(d => connection
            .Query($"SELECT {d.Columns} FROM {d.Rows} ORDER BY {d.Columns}").Select(r => $"{d.Rows}: {r}")));
    }

    private static IEnumerable<(HttpMethod Method, string Path, string? Body)> Changes(TestSite site) =>
        from endpoint in site.Endpoints.OfType<RouteEndpoint>()
        let operation = endpoint.Metadata.GetMetadata<ApiOperation>()
        where operation is { Changes: true }
        select (new HttpMethod(operation.Method), "/" + string.Join('/', endpoint.RoutePattern.PathSegments.Select(s =>
            string.Concat(s.Parts.Select(p => p switch
            {
                Microsoft.AspNetCore.Routing.Patterns.RoutePatternParameterPart parameter => Word(parameter.Name),
                Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart literal => literal.Content,
                _ => "",
            })))), endpoint.Metadata.GetMetadata<IAcceptsMetadata>() is null ? null : "{}");

    private static IEnumerable<string> Arguments(LifeboatCommand command)
    {
        foreach (var argument in command.Arguments.Where(a => a.Arity.MinimumNumberOfValues > 0))
            yield return argument.ValueType == typeof(Guid) ? $"{Guid.Empty}" : Word(argument.Name);
        foreach (var option in command.Options.Where(o => o.Required))
        {
            yield return option.Name;
            yield return Word(option.Name.TrimStart('-'), option.ValueType);
        }
    }

    private static string Word(string name, Type? type = null) => name switch
    {
        "group" => "shop",
        "instance" => "db1",
        "volume" => "db1.vda",
        "peer" or "recovery-site" => "b",
        "tenant" => "acme",
        "policy" => "gold",
        "user" => "eve",
        "name" => "db1",
        "point" or "run" or "operation" or "alert" or "evacuation" or "id" => $"{Guid.Empty}",
        "listen" or "link-listen" => "127.0.0.1:19999",
        "keep" => "newest",
        _ when type == typeof(long) || type == typeof(int) || type == typeof(long?) => "4096",
        _ when type == typeof(TimeSpan?) || type == typeof(TimeSpan) => "1m",
        _ => "some",
    };
}
