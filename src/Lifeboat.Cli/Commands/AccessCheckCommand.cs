// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class AccessCheckCommand : LifeboatCommand
{
    private readonly Argument<string?> _operation = new("operation")
    {
        Description = "Name of a rule, its last part, or method and route; left out: all operations",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _token = new("--token-file")
    {
        Description = "File with a token, whose caller the site looks up; '-': the first line of stdin",
        HelpName = "FILE",
    };

    private readonly Option<string?> _file = new("--file")
    {
        Description = "Ask the rules of this policy.yaml instead of those of the site; needs no site",
        HelpName = "FILE",
    };

    private readonly Option<string[]> _roles = Many("--role", "Role that the caller has, of the site's or of a cloud",
        "ROLE");

    private readonly Option<Right[]> _rights = AccessInputs.Rights("Right that the caller has besides");

    private readonly Option<string?> _tenant = new("--of-tenant")
    {
        Description = "The caller is of this tenant (default: of the site)",
        HelpName = "TENANT",
    };

    private readonly Option<string[]> _attributes = Many("--attribute", "Another attribute of the caller, e.g. "
        + "user_name=olga", "NAME=VALUE");

    private readonly Option<string[]> _target = Many("--target", "What the request is about, e.g. group=acme_shop",
        "NAME=VALUE");

    public AccessCheckCommand() : base("access", "check",
        "Show whom the access rules let do what, and which rule decided; of one operation it ends with what came of it")
    {
        Add(_operation);
        Add(_token);
        Add(_file);
        Add(_roles);
        Add(_rights);
        Add(_tenant);
        Add(_attributes);
        Add(_target);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var (token, file) = (await AccessInputs.ReadSecretAsync(parsed, _token, ct), parsed.GetValue(_file));
        if (token is not null && file is not null)
            throw new ProblemException(ReasonCode.InvalidRequest, "a token is looked up at the site, not in a file",
                "Say who the caller is with --role, --right and --of-tenant.");
        var operation = parsed.GetValue(_operation);
        var request = new AccessCheckRequest
        {
            Operation = operation,
            Token = token,
            Caller = token is not null ? null : new AccessCaller
            {
                Roles = parsed.GetRequiredValue(_roles),
                Rights = parsed.GetRequiredValue(_rights),
                Tenant = parsed.GetValue(_tenant),
                Attributes = Pairs(parsed, _attributes),
            },
            Target = Pairs(parsed, _target),
        };
        var verdicts = file is null ? await session.Controller.CheckAccessAsync(request, ct)
            : await ControllerDescription.CheckAccessAsync(file, request, ct);
        session.Output.Write(verdicts, table =>
        {
            table.AddColumns("operation", "allowed", "rule", "from", "because");
            foreach (var v in verdicts)
                table.AddRow(v.Rule, v.Allowed ? "yes" : "no", v.Text, v.From ?? "default", v.Refused
                    ?? string.Join(", ", v.Checks.Select(c => $"{c.Check} {(c.Holds ? "holds" : "does not hold")}")));
        });
        return operation is null || verdicts.All(v => v.Allowed) ? ExitCode.Ok : ExitCode.From(ReasonCode.NotAllowed);
    }

    private static Dictionary<string, string> Pairs(ParseResult parsed, Option<string[]> option)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var text in parsed.GetRequiredValue(option))
            if (text.Split('=', 2) is not [{ Length: > 0 } name, var value])
                throw new ProblemException(ReasonCode.InvalidRequest, $"{option.Name} is '{text}'; it is NAME=VALUE");
            else pairs[name] = value;
        return pairs;
    }

    private static Option<string[]> Many(string name, string description, string value) => new(name)
    {
        Description = $"{description}; may be repeated",
        HelpName = value,
        DefaultValueFactory = _ => [],
    };
}
