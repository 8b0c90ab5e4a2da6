//! What becomes of the answer of an operation: a list with its pages, a part, or the whole.

use serde_json::Value;

use super::{
    context::Shared,
    govern::{OperationGovern, PageChoice, PageGovern, PageStyleGovern},
    parameter::Argument,
    refs::Checked,
};
use crate::{
    plan::{ListPlan, OutputPlan, Paging, SecretPath, Shape},
    pointer::Pointer,
};

/// Reads what the operation says of its answer. The argument for the size of a page is given its limits.
pub(super) fn output_plan(
    shared: Shared<'_>,
    govern: &OperationGovern,
    arguments: &mut [Argument],
) -> Checked<OutputPlan> {
    let page = govern.page.as_ref().map(|choice| page_of(shared, choice)).transpose()?;
    let secrets = govern.secret_output.iter().map(|text| SecretPath::parse(text)).collect::<Checked<Vec<_>>>()?;
    let (items, root, drop) = match &govern.output {
        None => (None, None, Vec::new()),
        Some(output) => (output.items.as_deref(), output.root.as_deref(), output.drop.clone()),
    };
    let items = items.or_else(|| page.and_then(|page| page.items.as_deref()));
    let shape = match (items, root, page) {
        (Some(_), Some(_), _) => return Err("`output` has both `items` and `root`".to_owned()),
        (None, _, Some(_)) => return Err("`page` needs `output: {items: …}`".to_owned()),
        (None, None, None) => Shape::Whole,
        (None, Some(root), None) => Shape::Root(Pointer::parse(root)?),
        (Some(items), None, page) => Shape::List(list_plan(items, page, arguments)?),
    };
    Ok(OutputPlan { shape, drop, secrets, fields: None })
}

fn list_plan(items: &str, page: Option<&PageGovern>, arguments: &mut [Argument]) -> Checked<ListPlan> {
    let items = Pointer::parse(items)?;
    let Some(page) = page else {
        return Ok(ListPlan { items, page: Paging::None, more: None, next: None, total: None });
    };
    let pointer = |text: &Option<String>| text.as_deref().map(Pointer::parse).transpose();
    let needed = |name: &Option<String>, key: &str| {
        name.clone().ok_or_else(|| format!("`page` of this style needs `{key}`, the name of an argument"))
    };
    let size = size_of(page);
    let usual = size.and_then(|size| arguments.iter().find(|argument| argument.name == *size));
    let usual = usual.and_then(|argument| argument.schema.get("default")?.as_u64());
    let paging = match page.style {
        PageStyleGovern::None => Paging::None,
        PageStyleGovern::Number => Paging::Number {
            page: needed(&page.page, "page")?,
            size: needed(&page.size, "size")?,
            first: page.first.unwrap_or(1),
            usual,
        },
        PageStyleGovern::Offset => Paging::Offset {
            offset: needed(&page.offset, "offset")?,
            limit: needed(&page.limit, "limit")?,
            window: page.window,
            usual,
        },
        PageStyleGovern::Cursor => {
            if page.next.is_none() {
                return Err("`page` of the style `cursor` needs `next`, the place of the next cursor".to_owned());
            }
            let cursor = needed(&page.cursor, "cursor")?;
            let argument = arguments.iter().find(|argument| argument.name == cursor);
            let text = argument.is_some_and(|argument| argument.schema.get("type") == Some(&Value::from("string")));
            Paging::Cursor { cursor, text }
        }
    };
    for name in [&page.page, &page.size, &page.offset, &page.limit, &page.cursor].into_iter().flatten() {
        if arguments.iter().all(|argument| argument.name != *name) {
            return Err(format!("`page` names `{name}`, which is not an argument"));
        }
    }
    if let Some(argument) = size.and_then(|size| arguments.iter_mut().find(|argument| argument.name == *size)) {
        let mut state = |key: &str, value: Option<u64>| {
            if let Some(value) = value {
                argument.schema.entry(key.to_owned()).or_insert(Value::from(value));
            }
        };
        state("maximum", page.max);
        state("minimum", Some(1));
    }
    Ok(ListPlan {
        items,
        page: paging,
        more: pointer(&page.more)?,
        next: pointer(&page.next)?,
        total: pointer(&page.total)?,
    })
}

/// The argument for the size of a page.
fn size_of(page: &PageGovern) -> Option<&String> {
    match page.style {
        PageStyleGovern::Number => page.size.as_ref(),
        PageStyleGovern::Offset | PageStyleGovern::Cursor => page.limit.as_ref(),
        PageStyleGovern::None => None,
    }
}

/// The argument for the size of a page and what is asked for where the caller does not say.
pub(super) fn page_size(shared: Shared<'_>, govern: &OperationGovern) -> Checked<Option<(String, Value)>> {
    let Some(choice) = &govern.page else { return Ok(None) };
    let page = page_of(shared, choice)?;
    Ok(size_of(page).and_then(|size| Some((size.clone(), Value::from(page.default?)))))
}

/// The parameters that page, where the style that is chosen has some.
pub(super) fn page_parameters<'a>(shared: Shared<'a>, govern: &'a OperationGovern) -> Checked<&'a [Value]> {
    let Some(choice) = &govern.page else { return Ok(&[]) };
    page_of(shared, choice).map(|page| page.parameters.as_slice())
}

fn page_of<'a>(shared: Shared<'a>, choice: &'a PageChoice) -> Checked<&'a PageGovern> {
    match choice {
        PageChoice::Own(page) => Ok(page),
        PageChoice::Named(name) => {
            let known = || shared.pages.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            shared.pages.get(name).ok_or_else(|| {
                format!("`page: {name}` names no paging style of the document: `x-govern.pages` has {}", known())
            })
        }
    }
}
