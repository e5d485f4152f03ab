// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Globalization;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Lifeboat.Cli.Commands;

internal sealed class UsagePricesCommand : LifeboatCommand
{
    private const NumberStyles Written = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint;

    private readonly Option<string?> _file = new("--file")
    {
        Description = "YAML or JSON with the prices to set, - is standard input; without it they are shown",
        HelpName = "FILE",
    };

    public UsagePricesCommand() : base("usage", "prices", "Show or set what usage costs") => Add(_file);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var book = parsed.GetValue(_file) is { } file
            ? Read(file, await UserFile.ReadAsync(_file.Name, file, stdin: true, ct)) : null;
        var prices = book is null ? await session.Controller.PricesAsync(ct)
            : await session.Controller.PutPricesAsync(book, ct);
        session.Output.WriteFacts(prices,
        [
            ("currency", prices.Currency),
            ("protected GiB hour", Text(prices.ProtectedGibHour)),
            ("changed GiB", Text(prices.ChangedGib)),
            ("wire GiB", Text(prices.WireGib)),
            ("journal GiB hour", Text(prices.JournalGibHour)),
            ("point GiB hour", Text(prices.PointGibHour)),
            ("drill instance hour", Text(prices.DrillInstanceHour)),
            ("recovery instance hour", Text(prices.RecoveryInstanceHour)),
        ]);
        return ExitCode.Ok;
    }

    // Every JSON file is YAML too. Prices are read as they are written, not by way of binary fractions.
    private static PriceBook Read(string file, string text)
    {
        var faults = new List<ProblemFault>();
        var prices = new Dictionary<string, decimal>(StringComparer.Ordinal);
        var known = new PriceBook { Currency = "" }.Named().Keys;
        var values = Values(file, text);
        foreach (var (name, value) in values.Where(v => v.Key != "currency"))
            if (!known.Contains(name))
                faults.Add(new ProblemFault($"is unknown; there are: currency, {string.Join(", ", known)}",
                    $"#/{name}"));
            else if (decimal.TryParse(value, Written, CultureInfo.InvariantCulture, out var price))
                prices[name] = price;
            else faults.Add(new ProblemFault($"is '{value}'; it must be a number", $"#/{name}"));
        if (!values.TryGetValue("currency", out var currency))
            faults.Add(new ProblemFault("is missing", "#/currency"));
        decimal Price(string name) => prices.GetValueOrDefault(name);
        var book = new PriceBook
        {
            Currency = currency ?? "XXX", // ISO 4217: no currency; that it is missing is told already
            ProtectedGibHour = Price("protectedGibHour"),
            ChangedGib = Price("changedGib"),
            WireGib = Price("wireGib"),
            JournalGibHour = Price("journalGibHour"),
            PointGibHour = Price("pointGibHour"),
            DrillInstanceHour = Price("drillInstanceHour"),
            RecoveryInstanceHour = Price("recoveryInstanceHour"),
        };
        faults.AddRange(book.Problems());
        return faults.Count == 0 ? book : throw ProblemException.Of($"{file} is no price book", faults);
    }

    private static Dictionary<string, string> Values(string file, string text)
    {
        var yaml = new YamlStream();
        try
        {
            yaml.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new ProblemException(ReasonCode.InvalidRequest, $"{file} is no YAML",
                $"Line {e.Start.Line}: {e.Message}", cause: e);
        }
        if (yaml.Documents.Count == 0) return [];
        if (yaml.Documents is not [{ RootNode: YamlMappingNode root }])
            throw new ProblemException(ReasonCode.InvalidRequest, $"{file} is no price book",
                "It is one list of names and prices, such as wireGib: 0.02.");
        return root.Children.ToDictionary(c => $"{c.Key}", c => c.Value is YamlScalarNode { Value: { } value } ? value
            : $"{c.Value}");
    }

    private static string Text(decimal price) => price.ToString(CultureInfo.InvariantCulture);
}
